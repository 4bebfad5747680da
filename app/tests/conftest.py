"""What every test stands on: strict use-cases, an empty Redis, operations that can fail inside a test's transaction."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction

from local.postgres import Standby
from nexus.domain.status.history import COPY
from nexus.kernel import database, redis, replicas, restraint, stale, traces, use_cases
from tests.standby import Replica, joined, streaming

_atomic = database.atomic
# This machine may stand still for a moment: no reason for a test to go on without Redis.
settings.CACHES["default"]["OPTIONS"] |= {"SOCKET_CONNECT_TIMEOUT": 2.0, "SOCKET_TIMEOUT": 2.0}


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest) -> None:
    """pytest-django's own, but to make a database may take longer than a request's statement: machines are busy."""
    options = connection.settings_dict["OPTIONS"]
    usual = options["options"]
    options["options"] = f"{usual} -c statement_timeout=60000"
    request.getfixturevalue("django_db_setup")
    connection.close()
    options["options"] = usual


@pytest.fixture(autouse=True)
def _strict_use_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "is_strict", True)


@pytest.fixture(autouse=True)
def _nothing_known_of_the_status() -> None:
    COPY.forget()


@pytest.fixture(autouse=True)
def _outside_of_any_trace() -> Iterator[None]:
    with traces.following(""):
        yield


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    redis._unblock()  # whatever the test before did to it
    redis._doubted_at = -math.inf
    redis.attempt("tests", lambda client: client.flushdb(), None)


@pytest.fixture(autouse=True)
def _operations_undo_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation is the outermost transaction of its call; inside a test's own it undoes by a savepoint.

    The savepoint is set past Django, so that a test that counts statements counts those of the operation.
    """
    monkeypatch.setattr(database, "atomic", _atomic_in_a_test)


def _atomic_in_a_test() -> AbstractContextManager[None]:
    blocks = connection.atomic_blocks
    return _outermost() if blocks and getattr(blocks[-1], "_from_testcase", False) else _atomic()


@contextmanager
def _outermost() -> Iterator[None]:
    pending: list[Callable[[], object]] = []
    token = database._in_any_case.set(pending)
    try:
        with _undoing():
            yield
    finally:
        database._in_any_case.reset(token)
        for run in pending:
            database.in_any_case(run)


@contextmanager
def _undoing() -> Iterator[None]:
    hooks = len(connection.run_on_commit)
    _execute("SAVEPOINT operation")
    try:
        with transaction.atomic(savepoint=False):
            yield
    except Exception:
        connection.needs_rollback = False
        del connection.run_on_commit[hooks:]
        _execute("ROLLBACK TO SAVEPOINT operation")
        raise
    _execute("RELEASE SAVEPOINT operation")


def _execute(statement: str) -> None:
    with connection.connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="session")
def _standby(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    folder = tmp_path_factory.mktemp("standby")
    folder.chmod(0o711)
    with streaming(folder) as standby:
        yield standby


@pytest.fixture
def replica(_standby: Standby, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replica]:
    """A test with it has a replica of the database, which has replayed everything when the test begins."""
    monkeypatch.setattr(replicas, "_rest", restraint.Rest())
    monkeypatch.setattr(replicas, "_budget", restraint.Budget())
    monkeypatch.setattr(stale, "_renewals", stale._Renewals())
    with joined(_standby) as found:
        yield found
