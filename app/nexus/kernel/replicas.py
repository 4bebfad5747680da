"""Reads on a replica: short tries, then the primary, then whatever is left, labelled with how old it may be.

Nothing here needs the primary to be there. A replica answers when it has replayed what its caller has written or seen,
and is not late; the route to it is a load balancer, so a new connection may find another one.
"""

import math
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, NoReturn, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from nexus.kernel import database, metrics, nodes, replication, stale, waiting, written
from nexus.kernel.errors import DomainError, NotAuthenticated, NotFound
from nexus.kernel.nodes import PRIMARY, REPLICA
from nexus.kernel.replication import Behind, Refused
from nexus.kernel.restraint import Budget, Rest

T = TypeVar("T")

FIRST_S: Final = 0.25
SECOND_S: Final = 0.5
# As long as the server lets a statement run; a silent primary is given up much sooner, when its connection is checked.
PRIMARY_S: Final = 2.0
_REACH_S: Final = 0.22
# Then a part of the same call may ask it again: it may have come back.
_SILENT_S: Final = 0.5
# The proxy gives up a first try of a read after two seconds.
_PERSIST_S: Final = 1.2
_FAILURES: Final = (DatabaseError, InterfaceError)
# What a replica does not find may just be on its way, as when somebody was sent the address of a new post.
_ABSENCES: Final = (NotFound, NotAuthenticated)


def read(
    run: Callable[[], T],
    *,
    place: Callable[[], stale.Place] | None = None,
    is_whole: Callable[[T], bool] = lambda answer: True,
    needs_primary: bool = False,
) -> T:
    """`run()`, which only reads, on the best node that there is; again on another one when that fails.

    `place` tells where its last good answer is kept; one that is not `is_whole` is none, and after a replica's the
    primary is asked too. `needs_primary`: what is read must be of this moment, so a replica answers only while the
    primary is away. Without replicas, the primary is tried again and again for a while.
    """
    if nodes.is_chosen():
        return run()
    if not nodes.has_replica() or connections[PRIMARY].in_atomic_block:
        return database.retrying(run)
    caller = written.current()
    reading = _Reading(run, caller or written.Caller(), place() if place else None, is_whole)
    if needs_primary or caller is None or caller.is_at_primary:
        return _persistently(reading.primary_first)
    return _persistently(reading.replica_first)


def is_worth_another(error: BaseException) -> bool:
    """Whether another try may answer: on another node where there is one, which may also be faster."""
    return database.is_wrong_node(error) or (nodes.has_replica() and database.is_statement_timeout(error))


def of_primary(run: Callable[[], T]) -> T | None:
    """`run()` on the primary although a replica serves the read around it; None while the primary is away."""
    if nodes.alias() == PRIMARY:
        return run()
    try:
        _reach_primary()
        with nodes.reading_from(PRIMARY), waiting.each(PRIMARY_S):
            return run()
    except _FAILURES as error:
        if not is_worth_another(error):
            raise
        connections[PRIMARY].close()
        return None


class _Reading(Generic[T]):
    """One read on its way through the nodes."""

    def __init__(
        self,
        run: Callable[[], T],
        caller: written.Caller,
        place: stale.Place | None,
        is_whole: Callable[[T], bool],
    ) -> None:
        self._run = run
        self._caller = caller
        self._place = place
        self._is_whole = is_whole
        self._doubtful: Callable[[], T] | None = None

    def replica_first(self) -> T:
        """The answer of the first node that has one; the primary's error when nobody has."""
        # Nobody knows what the caller has written, or no replica has answered a moment ago.
        if self._caller.needed == written.UNKNOWN or not _rest.is_over():
            return self.primary_first()
        try:
            answer = self._of_replicas()
            if self._is_whole(answer):
                return answer
            self._doubtful = lambda: answer
        except _ABSENCES as absence:
            self._doubtful = partial(_raise, absence)
        except Behind:
            metrics.READS_BEHIND.inc()
        except Refused:
            pass
        except _FAILURES as error:
            if not is_worth_another(error):
                raise
        return self.primary_first()

    def primary_first(self) -> T:
        """The primary's answer, or what there is without it."""
        try:
            return self._of_primary()
        except _FAILURES as error:
            if not is_worth_another(error):
                raise
            if database.is_wrong_node(error):
                connections[PRIMARY].close()
            if self._doubtful is not None:
                return self._doubtful()  # nobody can tell better
            return self._of_last_resort(error)

    def _of_replicas(self) -> T:
        _budget.earn()
        try:
            return self._of_replica("replica", FIRST_S)
        except (Refused, *_FAILURES) as error:
            if not _leave(error):
                raise
            if not _budget.spend():
                _rest.begin()
                raise
        try:
            return self._of_replica("second", SECOND_S)
        except (Refused, *_FAILURES) as error:
            if _leave(error):
                _rest.begin()
            raise

    def _of_replica(self, name: str, seconds: float) -> T:
        begun_at = time.time()
        needed = self._caller.needed
        with nodes.reading_from(REPLICA), waiting.each(seconds):
            state = replication.usable()
            _rest.end()
            replication.wait_for(needed, state)
            answer = self._answer(begun_at)
        self._saw(REPLICA)
        metrics.READS.labels(name).inc()
        return answer

    def _of_primary(self) -> T:
        begun_at = time.time()
        _reach_primary()
        with nodes.reading_from(PRIMARY), waiting.each(PRIMARY_S):
            answer = self._answer(begun_at)
        # What follows in this call must not be older.
        self._caller.is_at_primary = True
        self._saw(PRIMARY)
        metrics.READS.labels("primary").inc()
        return answer

    def _of_last_resort(self, error: Exception) -> T:
        """While the primary is away: what a replica has, however old; else the last good answer."""
        try:
            return self._of_any_replica(error)
        except _FAILURES as second:
            if not _leave(second):
                raise
        copy = stale.kept(self._place) if self._place else None
        if copy is None:
            raise error
        self._label(copy.age_s)
        answer: T = copy.answer
        return answer

    def _of_any_replica(self, error: Exception) -> T:
        with nodes.reading_from(REPLICA), waiting.each(SECOND_S):
            state = replication.latest()
            if state.place < self._caller.needed:
                # What was known may be old; but it is not waited for, because the primary was all that time.
                state = replication.ask(connections[REPLICA])
            is_late = state.is_late or state.place < self._caller.needed
            try:
                answer = self._run()
            except _ABSENCES:
                if is_late:
                    raise error from None  # it cannot know
                raise
        if is_late:
            self._label(state.lag_s)
        metrics.READS.labels("late" if is_late else "replica").inc()
        return answer

    def _answer(self, begun_at: float) -> T:
        try:
            answer = self._run()
        except DomainError:
            if self._place:
                stale.forget(self._place)
            raise
        if self._place and self._is_whole(answer):
            stale.keep(self._place, answer, begun_at)
        return answer

    def _saw(self, alias: str) -> None:
        """A known caller sees nothing older from now on. Asked after the read: replaying has gone on meanwhile."""
        if self._caller.user_id is None:
            return
        try:
            self._caller.saw(replication.ask(connections[alias]).place)
        except _FAILURES:
            connections[alias].close()

    def _label(self, seconds: float) -> None:
        whole = max(1, math.ceil(seconds))
        self._caller.stale_s = max(whole, self._caller.stale_s or 0)


def _reach_primary() -> None:
    """Raises when it is silent, and for the next moment of this call at once: others can answer a read.

    A slow one is waited for, and a write waits for longer.
    """
    primary, caller, begun = connections[PRIMARY], written.current() or written.Caller(), time.monotonic()
    if begun < caller.primary_silent_until:
        raise OperationalError("the primary was silent a moment ago")
    try:
        with waiting.each(_REACH_S):
            primary.close_if_health_check_failed()
            if primary.connection is None and time.monotonic() - begun >= _REACH_S:
                raise OperationalError("the primary is silent")
            primary.ensure_connection()
    except OperationalError:
        if time.monotonic() - begun >= _REACH_S:
            caller.primary_silent_until = time.monotonic() + _SILENT_S
        raise


def _persistently(run: Callable[[], T]) -> T:
    """Again for a moment when no node answers at all: often one is about to come back. Writes may wait for longer."""
    until = time.monotonic() + min(_PERSIST_S, database.remaining() / 2)
    pause = 0.05
    while True:
        try:
            return run()
        except _FAILURES as error:
            pause = random.uniform(1.0, 2.0) * pause
            if not database.is_wrong_node(error) or time.monotonic() + pause > until:
                raise
            metrics.DATABASE_RETRIES.labels(database.sqlstate(error) or "connection").inc()
        time.sleep(pause)


def _raise(error: Exception) -> NoReturn:
    raise error


def _leave(error: BaseException) -> bool:
    """Who asks next gets a new connection, and perhaps another replica; False for an error that is ours."""
    if not isinstance(error, Refused):
        if not is_worth_another(error):
            return False
        metrics.REPLICAS_LEFT.labels(database.sqlstate(error) or "connection").inc()
    connections[REPLICA].close()
    return True


_budget: Final = Budget()
_rest: Final = Rest()
