"""Transactions, and what is done about a database that restarts, moves or is the wrong node."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from nexus.kernel import metrics, waiting, written
from nexus.kernel.errors import OutcomeUnknown, Unavailable
from nexus.kernel.parking import BREAKER

T = TypeVar("T")

REQUEST_BUDGET_S: Final = 10.0
# What is left of the budget for one more try: a connection, the statements, the COMMIT.
_ONE_TRY_S: Final = 1.5
_PAUSE_MAX_S: Final = 0.25
# read-only transaction (a demoted primary), session that stood still, shutdown, crash, serialization failure, deadlock
_RETRYABLE_STATES: Final = frozenset({"25006", "25P03", "57P01", "57P02", "57P03", "40001", "40P01"})
# Given by COMMIT, these say for certain that nothing was stored.
_ROLLED_BACK_STATES: Final = frozenset({"25006", "25P03", "40001", "40P01"})
_LOCK_TIMEOUT: Final = "55P03"
_STATEMENT_TIMEOUT: Final = "57014"

_in_any_case: ContextVar[list[Callable[[], object]] | None] = ContextVar("in_any_case", default=None)


@contextmanager
def time_budget(seconds: float = REQUEST_BUDGET_S) -> Iterator[None]:
    """Everything inside shares one deadline, each wait for Postgres too; a retry that would go past it is not made."""
    with waiting.limit(seconds):
        yield


def remaining() -> float:
    """Seconds left of the time budget; the request's whole budget outside of one."""
    left = waiting.remaining()
    return REQUEST_BUDGET_S if left is None else left


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE behind a Django database error; None when the server had no chance to give one."""
    cause = error.__cause__ if error is not None else None
    return getattr(cause, "pgcode", None)


def constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that refused a row."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)


def is_wrong_node(error: BaseException) -> bool:
    """Whether another connection, a moment later, may succeed where this one failed."""
    if isinstance(error, InterfaceError):
        return True
    state = sqlstate(error)
    if isinstance(error, OperationalError) and state is None:
        return True  # refused, reset, timed out: libpq gives no state
    return (
        isinstance(error, DatabaseError)
        and state is not None
        and (state in _RETRYABLE_STATES or state.startswith("08"))
    )


def is_lock_timeout(error: BaseException) -> bool:
    """Whether another transaction held a lock for longer than `lock_timeout`."""
    return sqlstate(error) == _LOCK_TIMEOUT


def is_statement_timeout(error: BaseException) -> bool:
    """Whether the statement was stopped because it took too long."""
    return sqlstate(error) == _STATEMENT_TIMEOUT


def is_short_of_something(error: BaseException) -> bool:
    """Whether the server had no disk, no memory or no place for it (class 53); it has done nothing then."""
    return (sqlstate(error) or "").startswith("53")


def as_unavailable(error: BaseException) -> Unavailable | None:
    """The answer for a database that cannot serve now; None for any other error, which is a fault of ours."""
    if isinstance(error, DatabaseError | InterfaceError) and any(
        is_so(error) for is_so in (is_wrong_node, is_lock_timeout, is_statement_timeout, is_short_of_something)
    ):
        return Unavailable("The database cannot answer right now.", retry_after=random.randint(1, 3))
    return None


def _pauses() -> Iterator[float]:
    pause = 0.05
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(pause * 2, _PAUSE_MAX_S)


def retrying(
    run: Callable[[], T], *, again: Callable[[BaseException], bool] = is_wrong_node, is_write: bool = False
) -> T:
    """`run()`, again on a fresh connection after each "wrong node" error, while the time budget has room for a try.

    While the primary is away it is waited for, and not tried: the moment it is back all go on. Of writes only so many
    wait as leave the reads their threads; raises Unavailable for the others.
    """
    left = remaining()
    stop = time.monotonic() + left - min(_ONE_TRY_S, left / 2)
    for pause in _pauses():
        try:
            return run()
        except Exception as error:
            if not again(error):
                raise
            if is_wrong_node(error) and not connection.in_atomic_block:
                connection.close()
            metrics.DATABASE_RETRIES.labels(sqlstate(error) or "connection").inc()
            if not _is_time_for_another(pause, stop, is_write=is_write):
                raise
    raise AssertionError("unreachable")


def _is_time_for_another(pause: float, stop: float, *, is_write: bool) -> bool:
    if is_write and BREAKER.is_away:
        with BREAKER.parked():
            return BREAKER.wait(stop)
    if time.monotonic() + pause > stop or not waiting.is_wanted():
        return False
    if not BREAKER.is_away:
        time.sleep(pause)
    else:
        BREAKER.wait(time.monotonic() + pause)  # a read may find another node meanwhile
    return True


class _CommitFailed(Exception):
    """The connection ended between COMMIT and its answer."""


# After a COMMIT whose outcome is unknown these do not tell it either.
_UNSETTLED: Final[tuple[type[Exception], ...]] = (_CommitFailed, OperationalError, InterfaceError, Unavailable)


def in_any_case(run: Callable[[], object]) -> None:
    """`run()` in a transaction of its own as soon as the open one is over, committed or not; at once when none is open.

    For what a refusal must leave behind: the error that refuses undoes everything else.
    """
    pending = _in_any_case.get()
    if pending is None:
        with atomic():
            run()
    else:
        pending.append(run)


@contextmanager
def _outermost() -> Iterator[None]:
    pending: list[Callable[[], object]] = []
    token = _in_any_case.set(pending)
    try:
        with transaction.atomic():
            yield
        written.note_commit()
    finally:
        _in_any_case.reset(token)
        for run in pending:
            in_any_case(run)


@contextmanager
def atomic() -> Iterator[None]:
    """One transaction, or a part of the one that is open (no savepoint: an operation is done whole or not at all)."""
    with transaction.atomic(savepoint=False) if connection.in_atomic_block else _outermost():
        yield


def _once_in_transaction(run: Callable[[], T]) -> T:
    body_done = False
    try:
        with _outermost():
            result = run()
            if remaining() <= 0:
                # As long as COMMIT has not been sent it is certain that nothing is stored.
                raise Unavailable("The time for this call is over.", retry_after=1)
            body_done = True
    except (OperationalError, InterfaceError) as error:
        if body_done and is_wrong_node(error) and sqlstate(error) not in _ROLLED_BACK_STATES:
            connection.close()
            raise _CommitFailed from error
        raise
    return result


def _is_worth_again(error: BaseException) -> bool:
    """Wrong node, a row that somebody holds, or an id of ours that another process made in the same millisecond."""
    if isinstance(error, IntegrityError):
        return (constraint(error) or "").endswith("_pkey")
    return is_wrong_node(error) or is_lock_timeout(error)


def in_transaction(run: Callable[[], T], *, is_repeatable: bool, again_on: tuple[type[Exception], ...] = ()) -> T:
    """`run()` in one transaction, tried again inside the time budget when nothing of it can have been stored.

    A COMMIT whose answer was lost, or that only this node has, is tried again only when `is_repeatable` (a keyed call
    finds its own row, and commits again); when that does not settle it, it ends in OutcomeUnknown. `again_on` names
    further errors that another try may not meet.
    """
    if connection.in_atomic_block:
        return run()
    is_unsettled = False

    def again(error: BaseException) -> bool:
        nonlocal is_unsettled
        if isinstance(error, _CommitFailed):
            is_unsettled = True
            return is_repeatable
        return _is_worth_again(error) or isinstance(error, again_on)

    BREAKER.must_have_room()
    try:
        return retrying(lambda: _once_in_transaction(run), again=again, is_write=True)
    except Exception as error:
        if is_unsettled and isinstance(error, _UNSETTLED + again_on):
            raise OutcomeUnknown(retry_after=1) from error
        raise
