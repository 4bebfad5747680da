"""Finds the servers' programs: those on PATH first, then where Debian keeps what it leaves off PATH."""

import os
import re
import shutil
from pathlib import Path

from local.failure import Failure

PACKAGES = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "pg_basebackup": "postgresql",
    "psql": "postgresql",
    "redis-server": "redis-server",
    "haproxy": "haproxy",
    "varnishtest": "varnish",
    "rabbitmq-server": "rabbitmq-server",
    "etcd": "etcd-server",
    "keepalived": "keepalived",
    "nft": "nftables",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
}


def binary(name: str, version: str = "") -> Path:
    """The program of that name; for PostgreSQL's, of that major version when one is given."""
    for folder in _folders():
        candidate = folder / name
        if os.access(candidate, os.X_OK) and (not version or folder.parent.name == version):
            return candidate
    found = shutil.which(name)
    if found and not version:
        return Path(found)
    package = PACKAGES.get(name, name) + (f"-{version}" if version else "")
    raise Failure(f"{name} is not installed; type: sudo apt-get install {package}")


def _folders() -> list[Path]:
    # PostgreSQL's own folders come first: Debian's /usr/bin/psql is a wrapper that chooses among the clusters of the
    # system, which we neither need nor touch.
    releases = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_release, reverse=True)
    return [*releases, Path("/usr/sbin"), Path("/sbin")]


def _release(folder: Path) -> int:
    digits = re.match(r"\d+", folder.parent.name)
    return int(digits.group()) if digits else 0
