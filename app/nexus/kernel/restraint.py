"""What keeps tries from adding up where nodes are slow or away: a budget for second tries, a rest after failures."""

import random
import threading
import time
from typing import Final

_EARNED: Final = 0.1
_SAVED_MAX: Final = 10.0
_REST_S: Final = 1.0


class Budget:
    """Second tries: one for ten reads, and some at once. Where all replicas are slow, they would only add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = _SAVED_MAX

    def earn(self) -> None:
        """One more read."""
        with self._lock:
            self._left = min(self._left + _EARNED, _SAVED_MAX)

    def spend(self) -> bool:
        """Whether a second try may be made."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Rest:
    """When no replica answered, this process leaves them alone for a moment; then one read tries for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def is_over(self) -> bool:
        """Whether to try a replica."""
        if not self._until:
            return True
        with self._lock:
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + _REST_S
            return True

    def begin(self) -> None:
        """Nobody answered."""
        self._until = time.monotonic() + _REST_S * random.uniform(0.5, 1.0)

    def end(self) -> None:
        """Somebody did."""
        self._until = 0.0
