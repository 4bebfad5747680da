"""The folder that a role's processes share while it runs: files of metrics, and a sign of life."""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Final

ALIVE: Final = "alive"


def is_running(pid: int) -> bool:
    """Whether a process has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def own_directory(parent: Path, role: str) -> Path:
    """A new, empty folder of this process; those that ended processes of the role left are removed."""
    own = parent / f"{role}-{os.getpid()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for other in parent.glob(f"{role}-*"):
            pid = other.name.rpartition("-")[2]
            if other == own or (pid.isdigit() and not is_running(int(pid))):
                shutil.rmtree(other, ignore_errors=True)
        own.mkdir()
    except OSError as error:
        sys.exit(f"nexus: {own} cannot be made ({error.strerror}): set NEXUS_STATE_DIRECTORY to a folder of mine.")
    return own


def show_life() -> None:
    """Says that the loop of this process turns; read by seconds_since_life."""
    if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        Path(directory, ALIVE).touch()


def seconds_since_life(directory: Path) -> float:
    """How long ago the loop turned; the age of the folder when it never did."""
    file = directory / ALIVE
    return time.time() - (file if file.exists() else directory).stat().st_mtime
