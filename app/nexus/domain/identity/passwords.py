"""Password hashing: the most expensive thing that a call can ask for, so it has a bounded share of the threads."""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from nexus.kernel.errors import Unavailable

WAIT_S: Final = 1.0


class Bounded:
    """At most `limit` run at once and as many wait, for `wait_s` at most; who finds no place is told to come again."""

    def __init__(self, limit: int, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._places = threading.Semaphore(2 * limit)
        self._running = threading.Semaphore(limit)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn to run; raises Unavailable when there is none soon."""
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._running.acquire(timeout=self._wait_s):
                raise _busy()
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._places.release()


def _busy() -> Unavailable:
    return Unavailable("Too many people are logging in at this moment.", retry_after=1)


# A quarter of the threads hashes (Argon2 releases the interpreter's lock), a quarter waits: half is left for the rest.
hashing: Final = Bounded(max(1, settings.NEXUS.web_threads // 4))


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id by OWASP's parameters: 19 MiB, two passes, one lane."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with hashing.turn():
            return str(super().encode(_one_spelling(password), salt))

    def verify(self, password: str, encoded: str) -> bool:
        with hashing.turn():
            return bool(super().verify(_one_spelling(password), encoded))


def _one_spelling(password: str) -> str:
    """Keyboards differ in how they spell the same characters (RFC 8265)."""
    return unicodedata.normalize("NFC", password)
