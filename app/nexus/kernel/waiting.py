"""How long anybody waits: one deadline for all that is inside, down to each single wait for Postgres.

libpq by itself waits without an end, and so does a COMMIT whose synchronous standby is away (Postgres has disarmed
`statement_timeout` by then). All waits of psycopg2 meet in its wait callback: connect, statement, COMMIT, ROLLBACK.
"""

import math
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, connection, set_wait_callback

from nexus.kernel import cancelling

# A server that lives has said by then that it gave up a cancelled commit.
_GRACE_S: Final = 0.25
# What the server's own statement_timeout may come late.
_SLACK_S: Final = 0.5
_EVENTS: Final = {POLL_READ: select.POLLIN, POLL_WRITE: select.POLLOUT}

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_each: ContextVar[float | None] = ContextVar("each", default=None)
_is_commit: ContextVar[bool] = ContextVar("is_commit", default=False)
_asker: ContextVar[Callable[[], bool] | None] = ContextVar("asker", default=None)
_statement_s = 0.0


class TimeUp(psycopg2.OperationalError):
    """No answer came before the deadline. The connection is closed; what the server did is not known."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Everything inside shares one deadline, which is never later than the one outside."""
    deadline, outer = time.monotonic() + seconds, _deadline.get()
    token = _deadline.set(deadline if outer is None else min(deadline, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def each(seconds: float) -> Iterator[None]:
    """No single wait inside takes longer, nor longer than outside: for a node that may be silent.

    A process that is busy itself misses none, and many answers may take so long each.
    """
    outer = _each.get()
    token = _each.set(seconds if outer is None else min(seconds, outer))
    try:
        yield
    finally:
        _each.reset(token)


def remaining() -> float | None:
    """Seconds until the deadline; None where there is none."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def is_hurried(seconds: float) -> bool:
    """Whether a wait that just ended was given less than `seconds` for one answer, or came to the deadline."""
    left, longest = remaining(), _each.get()
    return (left is not None and left <= 0) or (longest is not None and longest < seconds)


@contextmanager
def on_behalf_of(is_there: Callable[[], bool]) -> Iterator[None]:
    """Nobody inside waits for the database any more once `is_there()` is false: the asker has left."""
    token = _asker.set(is_there)
    try:
        yield
    finally:
        _asker.reset(token)


def is_wanted() -> bool:
    """Whether somebody still waits for what we do."""
    is_there = _asker.get()
    return is_there is None or is_there()


@contextmanager
def commit() -> Iterator[None]:
    """A COMMIT may take until the deadline, and is then cancelled at the server: nothing else ends it there."""
    token = _is_commit.set(True)
    try:
        yield
    finally:
        _is_commit.reset(token)


def install(statement_s: float) -> None:
    """From now on every wait of this process's connections is bounded; `statement_s` is the server's own limit."""
    global _statement_s
    _statement_s = statement_s
    set_wait_callback(_wait)


def _wait(waiting: connection) -> None:
    state = waiting.poll()
    if state == POLL_OK:
        return
    deadline, is_commit = _deadline.get(), _is_commit.get()
    if deadline is not None and not is_commit:
        # The server stops a statement sooner, and says so; this is for one that cannot say anything.
        deadline = min(deadline, time.monotonic() + _statement_s + _SLACK_S)
    if _is_answered(waiting, state, deadline, _each.get()):
        return
    # A statement ends by itself: statement_timeout, client_connection_check_interval. A COMMIT does neither.
    if (
        is_commit
        and cancelling.cancel(waiting, _GRACE_S)
        and _is_answered(waiting, POLL_READ, time.monotonic() + _GRACE_S)
    ):
        return
    raise TimeUp("the database did not answer in time")


def _is_answered(waiting: connection, state: int, deadline: float | None, longest: float | None = None) -> bool:
    """Whether the server's answer is complete before the deadline, and nothing of it was `longest` in coming."""
    while state != POLL_OK:
        if state not in _EVENTS:
            raise psycopg2.OperationalError(f"the connection cannot be waited for (state {state})")
        poller = select.poll()  # anew, because a connection that is being made may change its socket
        poller.register(waiting.fileno(), _EVENTS[state])
        ends = math.inf if deadline is None else deadline
        if longest is not None:
            ends = min(ends, time.monotonic() + longest)
        if not poller.poll(None if ends == math.inf else max(ends - time.monotonic(), 0) * 1000):
            return False
        state = waiting.poll()
    return True
