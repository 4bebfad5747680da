"""One state of the world for several runs: the same time, the same new ids, everything undone in between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import connection, models

from nexus.kernel import clock, ids, redis
from nexus.kernel.idempotency import IdempotencyKey

# Different in each run by design: random tokens, salted hashes, numbers from a sequence, places in a trace.
_RANDOM: Final = frozenset({"token_hash", "password", "traceparent"})


class StoppedClock:
    """The time stands still until a test moves it; ids are counted from the start of each millisecond."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = datetime.now(UTC).replace(microsecond=0)
        monkeypatch.setattr(clock, "datetime", self)
        monkeypatch.setattr(clock, "time", self)
        monkeypatch.setattr("nexus.kernel.ids.secrets.randbelow", lambda _: 0)

    def now(self, _zone: object) -> datetime:
        return self.moment

    def time_ns(self) -> int:
        return int(self.moment.timestamp()) * 1_000_000_000

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@contextmanager
def run_from(moment: datetime, stopped: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside it is `moment`, and new ids begin there; afterwards nothing of it has happened."""
    stopped.moment = moment
    monkeypatch.setattr(ids, "_last_ms", 0)
    redis.attempt("tests", lambda client: client.flushdb(), None)
    hooks = len(connection.run_on_commit)
    _execute("SAVEPOINT door")
    try:
        yield
    finally:
        connection.needs_rollback = False
        del connection.run_on_commit[hooks:]
        _execute("ROLLBACK TO SAVEPOINT door")


def later(stopped: StoppedClock) -> datetime:
    """A moment after everything that was prepared."""
    return stopped.moment + timedelta(seconds=1)


def state() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours."""
    ours = [model for model in apps.get_app_config("nexus").get_models() if model is not IdempotencyKey]
    return {model.__name__: _rows(model) for model in [*ours, EmailAddress]}


def _rows(model: type[models.Model]) -> list[dict[str, Any]]:
    hidden = _RANDOM | ({"id"} if model is EmailAddress else set())
    names = [each.attname for each in model._meta.concrete_fields if each.attname not in hidden]
    return sorted(model._base_manager.values(*names), key=repr)


def _execute(statement: str) -> None:
    # Past Django, which would count it as a block of its own.
    with connection.connection.cursor() as cursor:
        cursor.execute(statement)
