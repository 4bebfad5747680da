"""What every process says, with the time when it was said: not every program writes that itself."""

import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

EVERY_S: Final = 0.1
KEPT: Final = 200_000


class Journal(threading.Thread):
    """Follows the logs, NAME.log, of one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="journal", daemon=True)
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._offsets: dict[Path, int] = {}
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._end = threading.Event()

    def run(self) -> None:
        """Until it is closed."""
        while not self._end.wait(EVERY_S):
            self._read()

    def close(self) -> None:
        """Reads no more."""
        self._end.set()
        if self.is_alive():
            self.join()

    def since(self, wall: float) -> list[tuple[float, str, str]]:
        """Time of the clock, process, line."""
        self._read()
        with self._lock:
            return [line for line in self._lines if line[0] >= wall]

    def last(self, name: str, count: int = 3) -> list[str]:
        """The newest lines of one process that say something."""
        self._read()
        with self._lock:
            said = [line for _, process, line in self._lines if process == name and line.strip()]
        return said[-count:]

    def _read(self) -> None:
        with self._lock:
            for path in sorted(self.folder.glob("*.log")):
                with path.open("rb") as log:
                    log.seek(self._offsets.get(path, 0))
                    new = log.read()
                # The last line may still be being written.
                whole = new[: new.rfind(b"\n") + 1]
                self._offsets[path] = self._offsets.get(path, 0) + len(whole)
                now = time.time()
                self._lines.extend((now, path.stem, line) for line in whole.decode(errors="replace").splitlines())
