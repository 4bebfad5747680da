"""Leaves nothing behind of a laboratory: processes, namespaces, mounts, files."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from drills.lab.network import NAMESPACES, Namespaces
from local.failure import Failure
from local.postgres import home

GONE_S: Final = 20.0
CGROUPS: Final = (Path("/sys/fs/cgroup/blkio"), Path("/sys/fs/cgroup"))


def database_user() -> str | None:
    """Whom Postgres runs as: it refuses root."""
    return "postgres" if os.getuid() == 0 else None


def data_folder(folder: Path) -> Path:
    """Where the data of the database nodes are, which their user must be able to enter."""
    return home(folder, database_user())


def clean(folder: Path) -> None:
    """Ends and removes whatever there is; does nothing where there is nothing."""
    namespaces = Namespaces(folder)
    kill(folder)
    if os.getuid() == 0:
        _unmount(folder)
        namespaces.down()
        for cgroup in cgroups(folder):
            with contextlib.suppress(OSError):
                cgroup.rmdir()
    for place in {folder, data_folder(folder)}:
        # The lock stays: whoever waits for it has it open.
        for entry in place.iterdir() if place.exists() else []:
            if entry.name != "lock":
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    if data_folder(folder) != folder:
        shutil.rmtree(data_folder(folder), ignore_errors=True)


def kill(folder: Path, host: str | None = None) -> None:
    """kill -9 of all on one host or on all, until none is left: one may just be starting another."""
    stop = time.monotonic() + GONE_S
    while found := processes(folder, host):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > stop:
            raise Failure(f"Processes {found} of the laboratory in {folder} do not end.")
        time.sleep(0.02)


def processes(folder: Path, host: str | None = None) -> list[int]:
    """Those that work in its folders or in its namespaces, or in the namespace of one host; zombies left out."""
    namespaces = Namespaces(folder)
    places = set() if host else {str(folder), str(data_folder(folder))}
    inodes = set()
    for name in [namespaces.name(host)] if host else namespaces.names():
        with contextlib.suppress(OSError):
            inodes.add((NAMESPACES / name).stat().st_ino)
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _is_ours(entry, places, inodes)
    ]


def _is_ours(entry: Path, places: set[str], inodes: set[int]) -> bool:
    try:
        # Both fail for a zombie, and for what is not ours to look at.
        where = os.readlink(entry / "cwd").removesuffix(" (deleted)")
        network = (entry / "ns" / "net").stat().st_ino
    except OSError:
        return False
    return network in inodes or any(where == place or where.startswith(f"{place}/") for place in places)


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*children, *(each for child in children for each in descendants(child))]


def cgroups(folder: Path) -> list[Path]:
    """The control groups in which disks are slowed down."""
    return [
        top / Namespaces(folder).name("disk") for top in CGROUPS if (top / Namespaces(folder).name("disk")).exists()
    ]


def mounts(folder: Path) -> list[str]:
    """What is mounted below the folder, the deepest first."""
    places = (f"{folder}/", f"{data_folder(folder)}/")
    found = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((place for place in found if place.startswith(places)), reverse=True)


def _unmount(folder: Path) -> None:
    for place in mounts(folder):
        # The loop device was told to go with its mount.
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
