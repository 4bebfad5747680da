"""What a process does while the primary is away: one thread looks for it, a few writes wait, others are refused."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

from nexus.kernel import metrics, waiting
from nexus.kernel.errors import Unavailable
from nexus.kernel.logging import log

PROBE_PAUSE_S: Final = 0.1
# As long as a connection may take (postgres/base.py): a slow primary is there.
PROBE_S: Final = 2.0
# A commit that has taken so long waits for a standby, and others would wait behind it.
SLOW_COMMIT_S: Final = 1.0


class Away(psycopg2.OperationalError):
    """The primary was looked for a moment ago and was not there."""


class Breaker:
    """The primary as this process sees it: open (away) after a connection that fails, closed by one that is made.

    While it is open nobody connects but the prober, and a thread that still has a connection goes on with it.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As at the beginning: a process that was forked has none of our threads, and maybe a lock that one held."""
        self._changed = threading.Condition()
        self._prober: threading.Thread | None = None
        self._parked = 0
        self._commits: dict[int, float] = {}

    @property
    def is_away(self) -> bool:
        """Whether the last connection could not be made; somebody is looking then."""
        return self._prober is not None and self._prober.is_alive()

    @property
    def slots(self) -> int:
        """Writes of this process that may wait: a quarter of the replica's threads; the door may send all to one."""
        return max(1, settings.NEXUS.web_workers * settings.NEXUS.web_threads // 4)

    def must_be_there(self) -> None:
        """Raises while it is known to be away, except for the one who looks."""
        if self.is_away and threading.current_thread() is not self._prober:
            raise Away("the primary is away")

    def went_away(self) -> None:
        """A connection to it could not be made."""
        with self._changed:
            if self.is_away:
                return
            self._prober = threading.Thread(target=self._look, name="primary-prober", daemon=True)
            self._prober.start()
        metrics.PRIMARY_AWAY.set(1)
        log.warning("primary_away")

    def came_back(self) -> None:
        """A connection to it was made."""
        if self._prober is None:
            return
        with self._changed:
            self._prober = None
            self._changed.notify_all()
        metrics.PRIMARY_AWAY.set(0)
        log.info("primary_back")

    def wait(self, until: float) -> bool:
        """Whether it is there before `until` (monotonic), and somebody still waits for what we do."""
        with self._changed:
            while self.is_away:
                left = until - time.monotonic()
                if left <= 0 or not waiting.is_wanted():
                    return False
                self._changed.wait(min(left, PROBE_PAUSE_S))
        return True

    @contextmanager
    def parked(self) -> Iterator[None]:
        """A write waits inside; raises Unavailable when as many do already as may."""
        with self._changed:
            self.must_have_room()
            self._parked += 1
        metrics.PARKED_WRITES.inc()
        try:
            yield
        finally:
            with self._changed:
                self._parked -= 1
            metrics.PARKED_WRITES.dec()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """A COMMIT runs inside; one that takes long counts as a write that waits."""
        me = threading.get_ident()
        self._commits[me] = time.monotonic()
        try:
            yield
        finally:
            self._commits.pop(me, None)

    def must_have_room(self) -> None:
        """Raises Unavailable when no further write should begin to wait, so that reads keep their threads."""
        slow = time.monotonic() - SLOW_COMMIT_S
        if self._parked + sum(began < slow for began in tuple(self._commits.values())) >= self.slots:
            metrics.WRITES_REFUSED.inc()
            raise Unavailable("The database takes no writes right now.", retry_after=random.randint(1, 3))

    def _look(self) -> None:
        me = threading.current_thread()
        while self._prober is me:
            connection = connections.create_connection(DEFAULT_DB_ALIAS)
            try:
                with waiting.limit(PROBE_S):
                    connection.connect()  # tells it to came_back()
            except (psycopg2.Error, Error) as error:
                log.debug("primary_probed", error=str(error).strip())
                time.sleep(PROBE_PAUSE_S)
            finally:
                connection.close()


BREAKER: Final = Breaker()
os.register_at_fork(after_in_child=BREAKER.forget)
