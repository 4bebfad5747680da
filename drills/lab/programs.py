"""The programs of the laboratory and their settings; those of Postgres stand in patroni.py."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from drills.lab.fencing import fencer_variables
from drills.lab.inside import ask
from drills.lab.network import APPLICATIONS, DATABASES, FLOATING, PROXIES, Loopback, Namespaces
from drills.lab.patroni import patroni
from drills.lab.places import (
    ETCD,
    ETCD_PEERS,
    HTTPS,
    PATRONI,
    POSTGRES,
    PROXY_METRICS,
    REDIS,
    REPLICAS,
    SENTINEL,
    Places,
)
from drills.lab.process import Program
from local.binaries import binary
from local.proxy import FOLDER as PROXY
from local.sentinel import redis_config, sentinel_config
from local.state import ROOT

ROLES: Final = {"web": 8000, "live": 8001, "worker": None, "relay": None}
METRICS: Final = {"web": 9100, "live": 9101, "worker": 9102, "relay": 9103, "fencer": 9104}
KEEPALIVED: Final = PROXY / "keepalived.conf"


def database_programs(places: Places) -> list[Program]:
    """etcd, Patroni, Redis and Sentinel on each of the three nodes."""
    return [make(places, node) for make in (_etcd, _redis, _sentinel, patroni) for node in DATABASES]


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
    pids = [word for flag in ("p", "r", "c", "b") for word in (f"-{flag}", str(directory / f"{flag}.pid"))]
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
    module = ["nexus.config"]
    if places.options.without:
        module = ["drills.lab.without", places.options.without]
        own["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    return Program(
        f"{role}@{host}",
        [sys.executable, "-m", *module, role],
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
