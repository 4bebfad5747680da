"""Loopback ports that nobody else takes between choosing and using them."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

from local.failure import Failure

# Below the kernel's ephemeral range (32768 and up), from which outgoing connections take theirs at any moment.
FIRST, LAST = 20000, 32000
ATTEMPTS = 200

_reserved: list[IO[str]] = []


def free_port() -> int:
    """A free loopback port, reserved against other runs on this machine until this process ends."""
    reservations = Path(tempfile.gettempdir()) / f"nexus-ports-{os.getuid()}"
    reservations.mkdir(mode=0o700, exist_ok=True)
    for _ in range(ATTEMPTS):
        port = random.randrange(FIRST, LAST)
        if _reserve(reservations / str(port)) and is_free(port):
            return port
    raise Failure(f"No free port between {FIRST} and {LAST} on 127.0.0.1; stop some servers and try again.")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    return why_taken(port) is None


def why_taken(port: int) -> OSError | None:
    """The error that a server would get there now; a PermissionError when the port is root's."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None


def _reserve(path: Path) -> bool:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _reserved.append(file)  # the lock lives as long as the open file
    return True
