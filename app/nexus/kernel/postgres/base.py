"""Connections that never wait without an end, to the right node, whose commits are acknowledged only when confirmed."""

import socket
import time
from types import TracebackType
from typing import Any, Final

import psycopg2
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg2.extensions import connection

from nexus.kernel import metrics, names, traces, waiting
from nexus.kernel.logging import log
from nexus.kernel.parking import BREAKER

# A connection is several questions: a slow node gets the time for all of them, a silent one that for the first.
CONNECT_S: Final = 2.0
_ANSWER_S: Final = 0.5
# For a command that somebody has typed: nobody tries it again, and the machine may be busy.
_TYPED_S: Final = 5.0
_CHECK_S: Final = 0.5
_SLOW_S: Final = 0.5
_SHOWN: Final = 400  # characters of a slow statement

names.install()
waiting.install(settings.NEXUS.statement_timeout_ms / 1000)


class WrongNode(psycopg2.OperationalError):
    """The node that answered is a standby: the road to the primary has not been changed yet."""


class Unconfirmed(psycopg2.OperationalError):
    """The commit is on this node only: somebody ended its wait for a standby. A failover may undo it."""


class _CountedErrors(DatabaseErrorWrapper):
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, psycopg2.Error):
            metrics.DATABASE_ERRORS.labels((error.pgcode or "")[:2] or "connection").inc()
        super().__exit__(kind, error, trace)


class _TellingCursor(CursorWrapper):
    """Tells of slow statements: their text, which has places for values and no values."""

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        begun = time.perf_counter()
        try:
            with traces.span("statement", "client", node=self.db.alias) as span:
                span.tell(sql=str(sql)[:_SHOWN])
                return super()._execute(sql, params, *ignored)  # type: ignore[misc]  # Django's own
        finally:
            seconds = time.perf_counter() - begun
            if seconds > _SLOW_S:
                log.warning("statement_slow", node=self.db.alias, ms=round(seconds * 1000), sql=str(sql)[:_SHOWN])


class DatabaseWrapper(base.DatabaseWrapper):
    """The alias `default` is the primary, and only the primary; any other may be any node."""

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        """Counts what it translates."""
        return _CountedErrors(self)

    @property
    def is_primary(self) -> bool:
        """Whether its node must take writes."""
        return self.alias == DEFAULT_DB_ALIAS

    def get_new_connection(self, conn_params: dict[str, Any]) -> connection:
        """A connection, if each answer comes within half a second; none, at once, to a primary known to be away."""
        if not self.is_primary:
            return self._connect(conn_params)
        BREAKER.must_be_there()
        try:
            found = self._connect(conn_params)
        except psycopg2.OperationalError as error:
            # A caller who gives less time than a connection may take has learned nothing.
            if not (isinstance(error, waiting.TimeUp) and waiting.is_hurried(_ANSWER_S)):
                BREAKER.went_away()
            raise
        BREAKER.came_back()
        return found

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        """One that tells when a statement was slow."""
        return _TellingCursor(cursor, self)

    def is_usable(self) -> bool:
        """Whether it answers and is still what it must be. `SELECT 1` passes on a primary that was demoted."""
        try:
            with waiting.limit(_CHECK_S):
                return self._is_right(self.connection)
        except psycopg2.Error:
            return False

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        """Not after a transaction that lost its connection: Django would make a new one, and wait for that."""
        if autocommit and self.connection is None:
            self.autocommit = True
        else:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)

    def _connect(self, conn_params: dict[str, Any]) -> connection:
        is_typed = waiting.remaining() is None
        within, each = (_TYPED_S, _TYPED_S) if is_typed else (CONNECT_S, _ANSWER_S)
        with waiting.limit(within), waiting.each(each):
            found: connection = super().get_new_connection(_located(conn_params))
            # Postgres tells it unasked; what stands between (a pooler) may leave it out.
            told = found.info.parameter_status("in_hot_standby")
            if self.is_primary and (told == "on" or (told is None and not self._is_right(found))):
                found.close()
                raise WrongNode("wrong node: it is in recovery")
        return found

    def _is_right(self, asked: connection) -> bool:
        with asked.cursor() as cursor:
            cursor.execute("SELECT NOT pg_is_in_recovery()")
            return not self.is_primary or cursor.fetchone() == (True,)

    def _commit(self) -> None:
        """Raises also when a notice came with the answer: "canceling wait for synchronous replication"."""
        if self.connection is None:
            return
        committed: connection = self.connection
        del committed.notices[:]
        with traces.span("commit", "client"), waiting.commit(), BREAKER.committing():
            super()._commit()  # type: ignore[misc]  # Django's own, which the stubs leave out
        if committed.notices:
            metrics.COMMITS_UNCONFIRMED.inc()
            with self.wrap_database_errors:
                raise Unconfirmed(committed.notices[-1].strip())


def _located(conn_params: dict[str, Any]) -> dict[str, Any]:
    """With the addresses of its host."""
    try:
        return {**conn_params, **names.located(conn_params.get("host", ""), conn_params.get("port"))}
    except socket.gaierror as error:
        raise psycopg2.OperationalError(f"{conn_params['host']} is not known: {error}") from error
