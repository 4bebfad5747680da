"""A small disk of its own for the data of each database node, so that it can be full or slow."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from drills.lab import leftovers
from drills.lab.network import Namespaces
from drills.lab.options import NotPossible
from local.binaries import binary
from local.failure import Failure

SIZE: Final = 1 << 30  # sparse: it takes what is written
BALLAST: Final = "ballast"
BYTES_PER_S: Final = 100_000
WRITES_PER_S: Final = 10


def make(image: Path, place: Path) -> bool:
    """Mounts a new file system of a new file at the place; whether this machine permits that."""
    if os.getuid() != 0:
        return False
    with image.open("wb") as file:
        file.truncate(SIZE)
    options = ["-q", "-F", "-m", "0", "-J", "size=8", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"]
    try:
        _run([str(binary("mkfs.ext4")), *options, str(image)])
        # The device goes with the mount.
        _run(["mount", "-o", "loop,noatime", str(image), str(place)])
    except Failure:
        image.unlink()
        return False
    return True


def fill(place: Path) -> None:
    """Takes all that is free."""
    _be_mounted(place)
    space = os.statvfs(place)
    with (place / BALLAST).open("wb") as file:
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)
        with suppress(OSError):
            while True:  # what the file system kept for itself
                file.seek(0, os.SEEK_END)
                file.write(b"\0" * 65536)
                file.flush()


def empty(place: Path) -> None:
    """Gives it back; does nothing where nothing was taken."""
    (place / BALLAST).unlink(missing_ok=True)


def throttle(folder: Path, place: Path, pids: list[int]) -> None:
    """What these processes, and their children from now on, write to the disk at the place becomes slow."""
    _be_mounted(place)
    number = os.stat(place).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    name = Namespaces(folder).name("disk")
    v1, v2 = (top / name for top in leftovers.CGROUPS)
    try:
        if v1.parent.exists():
            v1.mkdir(exist_ok=True)
            (v1 / "blkio.throttle.write_bps_device").write_text(f"{device} {BYTES_PER_S}")
            (v1 / "blkio.throttle.write_iops_device").write_text(f"{device} {WRITES_PER_S}")
            group = v1
        else:
            (v2.parent / "cgroup.subtree_control").write_text("+io")
            v2.mkdir(exist_ok=True)
            (v2 / "io.max").write_text(f"{device} wbps={BYTES_PER_S} wiops={WRITES_PER_S}")
            group = v2
    except OSError as error:
        raise NotPossible(f"This kernel slows no disk down for a group of processes: {error}.") from error
    for pid in pids:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))


def unthrottle(folder: Path) -> None:
    """Everybody is as quick as before."""
    for group in leftovers.cgroups(folder):
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (group.parent / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            group.rmdir()


def _be_mounted(place: Path) -> None:
    if not place.is_mount():
        raise NotPossible("A disk of its own for a node's data takes root and a loop device; this laboratory has none.")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")
