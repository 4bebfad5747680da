"""How far the replica behind this thread's connection has come, and whether that is far enough."""

import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from nexus.kernel import metrics
from nexus.kernel.nodes import PRIMARY, REPLICA

# The relay commits something each second, so a replica that keeps up is never far behind.
LAG_MAX_S: Final = 5.0
# A caller's own write is on its way: so long a replica is given to replay it.
WAIT_S: Final = 0.05
_POLL_S: Final = 0.004
# What is further away than this does not come within a wait.
_FAR: Final = 16 * 1024 * 1024
# A connection that answered so lately is not asked again how its node is.
ASKED_S: Final = 0.5
# A server that has just been started has replayed nothing yet. It has all that was there at its last checkpoint, and a
# primary that is demoted makes one at its end.
_STATE: Final = """
SELECT pg_is_in_recovery(),
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn,
  extract(epoch FROM clock_timestamp() - coalesce(
    pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint())))
"""
# Gives a transaction a number and nothing to store: it is committed, and waits neither for the disk nor for a standby.
_BEAT: Final = "SELECT pg_current_xact_id()"


class Refused(Exception):
    """The node that was reached may not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        metrics.REPLICAS_LEFT.labels(reason).inc()


class Behind(Exception):
    """It has not replayed what the caller wrote or saw; for others it is good enough."""


@dataclass(frozen=True, slots=True)
class State:
    """A node at a moment: how far its log goes, and by how many seconds it is behind."""

    is_replica: bool
    place: int
    lag_s: float
    asked_at: float

    @property
    def is_late(self) -> bool:
        return self.lag_s > LAG_MAX_S


def beat() -> None:
    """Commits next to nothing. Without it, replicas of a primary on which nothing happens would look late."""
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute(_BEAT)


def usable() -> State:
    """The state of a replica that keeps up; raises Refused for another node."""
    state = latest()
    if not state.is_replica:
        raise Refused("promoted")  # a primary whose successor nobody here knows of would look fresh for ever
    if state.is_late:
        raise Refused("late")
    return state


def latest() -> State:
    """What the replica said lately, through a connection that is alive."""
    connection = connections[REPLICA]
    known = _known.of(connection)
    if known is not None and time.monotonic() - known.asked_at < ASKED_S:
        _needs_no_check(connection)
        return known
    if connection.connection is None:
        return ask(connection)
    try:
        return ask(connection)
    except (DatabaseError, InterfaceError):
        connection.close()  # ended while nobody used it, as it happens when a node restarts or leaves the route
        return ask(connection)


def wait_for(place: int, state: State) -> State:
    """Returns when the replica has replayed up to `place`; raises Behind when it does not in time."""
    until = time.monotonic() + WAIT_S
    pause = 0.0  # what was known may be old
    while state.place < place:
        if place - state.place > _FAR or time.monotonic() + pause > until:
            raise Behind
        time.sleep(pause)
        state, pause = ask(connections[REPLICA]), _POLL_S
    return state


def ask(connection: BaseDatabaseWrapper) -> State:
    """One round trip, which also tells that the connection is well."""
    _needs_no_check(connection)
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        is_replica, place, lag_s = cursor.fetchone()
    state = State(is_replica, int(place or 0), max(0.0, float(lag_s)) if is_replica else 0.0, time.monotonic())
    if connection.alias == REPLICA:
        metrics.REPLICATION_LAG.set(state.lag_s)
        _known.remember(connection, state)
    return state


def _needs_no_check(connection: BaseDatabaseWrapper) -> None:
    """Django would ask whether the connection is well, once in each request: one round trip more."""
    connection.health_check_done = True  # type: ignore[attr-defined]  # its own, which the stubs leave out


class _Known(threading.local):
    """What this thread's connection last told of its node."""

    raw: Any = None
    state: State | None = None

    def of(self, connection: BaseDatabaseWrapper) -> State | None:
        return self.state if connection.connection is not None and connection.connection is self.raw else None

    def remember(self, connection: BaseDatabaseWrapper, state: State) -> None:
        self.raw, self.state = connection.connection, state


_known: Final = _Known()
