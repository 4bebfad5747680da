"""The programs of the laboratory and their settings: this is the page on which a setting of the cluster stands."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from drills.lab.fencing import fencer_variables
from drills.lab.inside import ask
from drills.lab.network import APPLICATIONS, DATABASES, FLOATING, PROXIES, Loopback, Namespaces, Network
from drills.lab.options import Options
from drills.lab.process import Program
from drills.lab.template import REPLICATOR, SUPERUSER
from local.binaries import binary
from local.proxy import FOLDER as PROXY
from local.sentinel import redis_config, sentinel_config
from local.state import ROOT

POSTGRES, REPLICAS, PATRONI, ETCD, ETCD_PEERS, REDIS, SENTINEL = 5432, 5433, 8008, 2379, 2380, 6379, 26379
HTTPS, PROXY_METRICS = 8443, 8404
ROLES: Final = {"web": 8000, "live": 8001, "worker": None, "relay": None}
METRICS: Final = {"web": 9100, "live": 9101, "worker": 9102, "relay": 9103, "fencer": 9104}
KEEPALIVED: Final = PROXY / "keepalived.conf"
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


@dataclass(frozen=True)
class Places:
    """Where things of a laboratory lie and answer."""

    folder: Path
    data: Path  # of the database nodes: their user can enter it
    user: str | None  # whom Postgres runs as
    network: Network
    options: Options

    def of(self, host: str, *others: str) -> str:
        """host:port for each of these ports of a host, with commas."""
        return ",".join(f"{self.network.address(host)}:{port}" for port in others)

    def postgres(self, node: str) -> Path:
        """The data of a node, on a disk that nothing else is on."""
        return self.data / "disks" / node / "postgres"


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
            "etcd3": {"hosts": etcd},
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


def database_programs(places: Places) -> list[Program]:
    """etcd, Patroni, Redis and Sentinel on each of the three nodes."""
    return [make(places, node) for make in (_etcd, _redis, _sentinel, _patroni) for node in DATABASES]


def _etcd(places: Places, node: str) -> Program:
    def url(host: str, port: int) -> str:
        return f"http://{places.network.address(host)}:{port}"

    directory = _directory(places.folder, node, "etcd")
    flags = {
        "name": node,
        "data-dir": str(directory / "data"),
        "listen-client-urls": url(node, ETCD),
        "advertise-client-urls": url(node, ETCD),
        "listen-peer-urls": url(node, ETCD_PEERS),
        "initial-advertise-peer-urls": url(node, ETCD_PEERS),
        "initial-cluster": ",".join(f"{each}={url(each, ETCD_PEERS)}" for each in DATABASES),
        "initial-cluster-state": "new",  # is not looked at when there are data
        "heartbeat-interval": "50",
        "election-timeout": "500",
        "logger": "zap",
        "log-level": "warn",
    }
    return Program(
        f"etcd@{node}",
        [str(binary("etcd")), *(f"--{name}={value}" for name, value in flags.items())],
        directory,
        is_ready=partial(_answers, places.network.address(node), ETCD, "/health"),
    )


def _patroni(places: Places, node: str) -> Program:
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


def _redis(places: Places, node: str) -> Program:
    directory, address = _directory(places.folder, node, "redis"), places.network.address(node)
    master = None if node == DATABASES[0] else (places.network.address(DATABASES[0]), REDIS)
    # On the loopback nobody could tell by the other's address who it is.
    text = f"{redis_config(address, REDIS, directory, master)}replica-announce-ip {address}\n"
    return _configured(f"redis@{node}", directory, text)


def _sentinel(places: Places, node: str) -> Program:
    directory, address = _directory(places.folder, node, "sentinel"), places.network.address(node)
    master = (places.network.address(DATABASES[0]), REDIS)
    text = f"{sentinel_config(address, SENTINEL, directory, master)}sentinel announce-ip {address}\n"
    return _configured(f"sentinel@{node}", directory, text, "--sentinel")


def _configured(name: str, directory: Path, text: str, *arguments: str) -> Program:
    file = directory / "server.conf"
    file.write_text(text)
    return Program(name, [str(binary("redis-server")), str(file), *arguments], directory)


def proxy_programs(places: Places, certificate: Path) -> list[Program]:
    """HAProxy and keepalived on both proxies; on the loopback there is no address that could float."""
    edit: Callable[[str], str] = places.options.proxy_config or (lambda text: text)
    programs = [_haproxy(places, host, certificate, edit) for host in PROXIES]
    if not isinstance(places.network, Loopback):
        programs += [_keepalived(places, host) for host in PROXIES]
    return programs


def _haproxy(places: Places, host: str, certificate: Path, edit: Callable[[str], str]) -> Program:
    directory = _directory(places.folder, host, "haproxy")
    (directory / "haproxy.cfg").write_text(edit((PROXY / "haproxy.cfg").read_text()))
    own = places.network.address(host)
    # Every address of the host, so that the floating one may come. On the loopback the first proxy has it for good.
    front = "0.0.0.0"
    if isinstance(places.network, Loopback):
        front = places.network.address(FLOATING) if host == PROXIES[0] else own
    servers = {
        f"{role.upper()}_{number}": places.of(each, str(ROLES[role]))
        for role in ("web", "live")
        for number, each in enumerate(APPLICATIONS, 1)
    }
    settings = {
        "HTTPS_BIND": f"{front}:{HTTPS}",
        "HTTPS_PORT": str(HTTPS),
        "METRICS_BIND": f"{own}:{PROXY_METRICS}",
        "CERTIFICATE": str(certificate),
        "ERRORS": str(PROXY / "errors"),
        "SOCKET": "unix@admin.sock",
        "RATE_LIMIT": "0",  # all people of the load have one address
        "POSTGRES_BIND": f"{front}:{POSTGRES}",
        "POSTGRES_REPLICA_BIND": f"{front}:{REPLICAS}",
        "PATRONI_PORT": str(PATRONI),
        **{f"POSTGRES_{number}": places.of(node, str(POSTGRES)) for number, node in enumerate(DATABASES, 1)},
        **servers,
    }
    return Program(
        f"haproxy@{host}",
        [str(binary("haproxy")), "-W", "-S", "unix@master.sock", "-f", "haproxy.cfg"],
        directory,
        {f"NEXUS_PROXY_{name}": value for name, value in settings.items()},
        is_ready=partial(_answers, own, PROXY_METRICS, "/livez"),
    )


def _keepalived(places: Places, host: str) -> Program:
    directory = _directory(places.folder, host, "keepalived")
    other = PROXIES[1 - PROXIES.index(host)]
    settings = {
        "INTERFACE": "eth0",
        "ADDRESS": places.network.address(host),
        "PEER": places.network.address(other),
        "FLOATING_ADDRESS": f"{places.network.address(FLOATING)}/24",
        "PRIORITY": str(150 - 50 * PROXIES.index(host)),
        "ROUTER_ID": "88",
        "PROXY_HOST": places.network.address(host),
        "PROXY_PORT": str(PROXY_METRICS),
    }
    lines = [f"$NEXUS_{name}={value}" for name, value in settings.items()]
    file = directory / "keepalived.conf"
    file.write_text("\n".join([*lines, f"include {KEEPALIVED}", ""]))
    pids = [word for flag in ("p", "r", "c") for word in (f"-{flag}", str(directory / f"{flag}.pid"))]
    return Program(f"keepalived@{host}", [str(binary("keepalived")), "-n", "-l", "-f", str(file), *pids], directory)


def role_programs(places: Places, variables: Mapping[str, str]) -> list[Program]:
    """Every role on both hosts, as it is started everywhere."""
    programs = [_role(places, host, role, variables) for role in ROLES for host in APPLICATIONS]
    if places.options.fencer and isinstance(places.network, Namespaces):
        etcd = ",".join(places.of(node, str(ETCD)) for node in DATABASES)
        for host in APPLICATIONS:
            own = fencer_variables(places.folder, places.network, etcd, host)
            programs.append(_role(places, host, "fencer", {**variables, **own}))
    return programs


def _role(places: Places, host: str, role: str, variables: Mapping[str, str]) -> Program:
    directory = _directory(places.folder, host, role)
    address, port = places.network.address(host), ROLES.get(role)
    own = {
        **variables,
        "PYTHONPATH": str(ROOT / "app"),
        "PYTHONUNBUFFERED": "1",
        "NEXUS_METRICS_BIND": f"{address}:{METRICS[role]}",
        "NEXUS_STATE_DIRECTORY": str(directory),
        **({"NEXUS_BIND": f"{address}:{port}"} if port else {}),
    }
    at = (port, "/readyz") if port else (METRICS[role], "/metrics")
    return Program(
        f"{role}@{host}",
        [sys.executable, "-m", "nexus.config", role],
        directory,
        own,
        is_ready=partial(_answers, address, *at),
    )


def _directory(folder: Path, host: str, name: str) -> Path:
    directory = folder / host / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _answers(address: str, port: int, path: str) -> bool:
    try:
        return ask(address, port, "GET", path)[0] == 200
    except OSError:
        return False
