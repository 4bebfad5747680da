"""The processes of one `make run`, found by a mark in their environment: also those that a crash left behind."""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "STARTED_BY_MAKE_RUN"
# A mark needs no pid file that could be stale, and no other process can have it, whatever number it got.


def mark(folder: Path) -> dict[str, str]:
    """The variable that everything started for this state folder inherits."""
    return {MARK: str(folder)}


def marked(folder: Path) -> list[int]:
    """The ids of all processes that run for this state folder, without our own."""
    wanted = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # gone meanwhile, or not ours to look at
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def stop_marked(folder: Path, timeout: float = 15.0) -> list[int]:
    """Ends what is left of an earlier run: asks first, then kills. Returns what it found."""
    found = marked(folder)
    _signal(found, signal.SIGTERM)
    # SIGTERM lets Postgres wait for its clients; SIGINT ends their sessions.
    _signal([pid for pid in found if _name(pid) == "postgres"], signal.SIGINT)
    deadline = time.monotonic() + timeout
    while (left := marked(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(left, signal.SIGKILL)
    while left and marked(folder):
        time.sleep(0.05)
    return found


def holder(port: int) -> str:
    """Who listens on the loopback port, as far as we may know."""
    inodes = _listeners(port)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                links = {os.readlink(link) for link in (entry / "fd").iterdir()}
                if links & inodes:
                    return f"{_name(int(entry.name))}, process {entry.name}"
    return "another process"


def _listeners(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:  # 0A is LISTEN
                    found.add(f"socket:[{columns[9]}]")
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
