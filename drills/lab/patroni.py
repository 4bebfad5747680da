"""Patroni and its Postgres: every setting on which the promises about the primary stand."""

import json
import sys
from typing import Any, Final

from drills.lab.network import DATABASES
from drills.lab.options import Options
from drills.lab.places import ETCD, PATRONI, POSTGRES, Places
from drills.lab.process import Program
from drills.lab.template import REPLICATOR, SUPERUSER
from local.binaries import binary

# Patroni itself, which would make every lease 20 s long and, before it elects, wait 2 s for a member that is silent:
# docs/decisions/a-primarys-lease-is-five-seconds.md.
_PATRONI: Final = """
from patroni import __main__, config, ha

config.Config._validate_and_adjust_timeouts = lambda self, settings: None
fetch_node_status = ha.Ha.fetch_node_status

class Briefly:
    def __init__(self, patroni):
        self.patroni = patroni
    def request(self, member, timeout, retries):
        return self.patroni.request(member, timeout=min(timeout, 1), retries=retries)

class Asking:
    def __init__(self, ha):
        self.patroni = Briefly(ha.patroni)

ha.Ha.fetch_node_status = lambda self, member: fetch_node_status(Asking(self), member)
__main__.main()
"""


def patroni(places: Places, node: str) -> Program:
    """Patroni on a node; Postgres is its child."""
    directory = places.postgres(node).parent
    file = directory / "patroni.yml"
    file.write_text(_patroni_file(places, node))
    return Program(
        f"patroni@{node}",
        [sys.executable, "-c", _PATRONI, str(file)],
        directory,
        {"HOME": str(directory), "LC_ALL": "C.UTF-8"},
        user=places.user,
    )


def patroni_settings(options: Options) -> dict[str, Any]:
    """What all nodes share, kept in etcd. Measured: see availability.md, rows 6 to 12."""
    return {
        "ttl": options.ttl,
        "loop_wait": options.loop_wait,
        "retry_timeout": options.retry_timeout,
        # A primary that died is replaced; it is not waited for.
        "primary_start_timeout": 0,
        # Any one standby confirms a commit, and without one there is none.
        "synchronous_mode": "quorum" if options.synchronous == "quorum" else False,
        "synchronous_mode_strict": options.synchronous == "quorum",
        "failsafe_mode": options.failsafe,
        "maximum_lag_on_failover": 1 << 20,
        "postgresql": {
            "use_pg_rewind": True,
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
            "parameters": {
                "max_connections": 200,
                "wal_log_hints": "on",
                "hot_standby_feedback": "on",
            },
        },
    }


def _patroni_file(places: Places, node: str) -> str:
    address, data = places.network.address(node), places.postgres(node)
    etcd = ",".join(places.of(each, str(ETCD)) for each in DATABASES)
    return json.dumps(  # which is YAML, too
        {
            "scope": "nexus",
            "name": node,
            "restapi": {"listen": f"{address}:{PATRONI}", "connect_address": f"{address}:{PATRONI}"},
            # These hosts and no others: when none answers, the list of members is not asked for as well, which would
            # take another second for each, and all of it longer than the lease.
            "etcd3": {"hosts": etcd, "use_proxies": True},
            "postgresql": {
                "listen": f"{address}:{POSTGRES}",
                "connect_address": f"{address}:{POSTGRES}",
                "data_dir": str(data),
                "bin_dir": str(binary("postgres").parent),
                "pgpass": str(data.parent / "pgpass"),
                "authentication": {
                    "superuser": {"username": SUPERUSER, "password": "nexus"},
                    "replication": {"username": REPLICATOR, "password": "nexus"},
                },
                "pg_hba": ["host all all 0.0.0.0/0 scram-sha-256", "host replication all 0.0.0.0/0 scram-sha-256"],
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "parameters": {
                    "unix_socket_directories": "",
                    "shared_buffers": "32MB",
                    "max_wal_size": "256MB",
                    "wal_keep_size": "128MB",
                    "wal_receiver_timeout": "3s",
                    "wal_sender_timeout": "3s",
                    "wal_receiver_status_interval": "1s",
                    "wal_retrieve_retry_interval": "500ms",
                    "tcp_user_timeout": "3000",
                    "tcp_keepalives_idle": "2",
                    "tcp_keepalives_interval": "1",
                    "tcp_keepalives_count": "2",
                    "lc_messages": "C",
                    "log_line_prefix": "%m [%p] ",
                },
            },
        },
        indent=1,
    )
