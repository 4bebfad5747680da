"""Which version of everything a laboratory runs."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from local.binaries import binary
from local.state import ROOT

_COMMANDS: Final = {
    "etcd": ("etcd", "--version"),
    "postgres": ("postgres", "--version"),
    "redis": ("redis-server", "--version"),
    "haproxy": ("haproxy", "-v"),
    "keepalived": ("keepalived", "--version"),
}


def versions() -> dict[str, str]:
    """By name, for every report."""
    found = {name: _number([str(binary(program)), option]) for name, (program, option) in _COMMANDS.items()}
    return found | {
        "patroni": version("patroni"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "nexus": _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip() or "unknown",
        "cores": str(len(os.sched_getaffinity(0))),
    }


def _number(command: Sequence[str]) -> str:
    found = re.search(r"\d+\.\d+[.\d]*", _said(command))
    return found.group() if found else "unknown"


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
