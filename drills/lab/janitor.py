"""Cleans up after a laboratory that cannot do so any more: it was killed, or interrupted twice.

`python -m drills.lab.janitor FOLDER` waits for the end of its standard input, which is the end of whoever started it.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from drills.lab import leftovers
from local.failure import Failure
from local.state import ROOT

# So long the janitor of the laboratory before may need.
PATIENCE_S: Final = 30.0


class Janitor:
    """Has the folder for one laboratory alone, and whoever cleans it has it still."""

    def __init__(self, folder: Path) -> None:
        self._lock = _lock(folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "drills.lab.janitor", str(folder)],
            stdin=subprocess.PIPE,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            pass_fds=(self._lock.fileno(),),
        )

    def close(self) -> None:
        """The laboratory has cleaned up itself; the janitor looks once more and goes."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        self._lock.close()


def _lock(folder: Path) -> IO[bytes]:
    stop = time.monotonic() + PATIENCE_S
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > stop:
                raise Failure(f"A laboratory runs in {folder} already; end it first.") from None
        else:
            # Its owner may have removed it between our two calls.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), (folder / "lock").stat()):
                    return lock
        lock.close()
        time.sleep(0.1)


def main(folder: Path) -> None:
    """Waits, then cleans. Ctrl-C and the end of a terminal are not for us."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    leftovers.clean(folder)
    (folder / "lock").unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
