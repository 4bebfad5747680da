"""`python -m drills.lab.without MECHANISM ROLE`: a role of Nexus that lacks a mechanism, for negative controls."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from asgiref.sync import sync_to_async

from nexus.config.__main__ import ROLES, main
from nexus.config.environment import Environment

# What a mechanism is made of is imported when its turn has come, as nexus.config does it. Each `type: ignore` is for an
# assignment that nobody should make: to a part of the application, from outside.


def _confirmation() -> None:
    """A COMMIT that came back is believed, also when its wait for a standby was ended."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    from nexus.kernel.postgres.base import DatabaseWrapper

    DatabaseWrapper._commit = BaseDatabaseWrapper._commit  # type: ignore[method-assign,attr-defined]


def _wrong_node() -> None:
    """An error is an error, whichever node it came from: no new connection, no second try."""
    from nexus.kernel import database

    database.is_wrong_node = lambda error: False


def _lease() -> None:
    """What the queue was given is not sent again."""
    from nexus.kernel import outbox

    outbox.LEASE = timedelta(days=1)  # type: ignore[misc]


def _read_your_writes() -> None:
    """A replica answers whatever it has replayed."""
    from nexus.kernel import written

    written.Caller.needed = 0  # type: ignore[method-assign,assignment]


def _parking() -> None:
    """Every write waits for the primary, and looks for it itself."""
    from nexus.kernel.parking import Breaker

    Breaker.slots = 1_000_000  # type: ignore[method-assign,assignment]
    Breaker.went_away = lambda self: None  # type: ignore[method-assign]


def _modest_readiness() -> None:
    """/readyz asks the primary, as it is often found."""
    from django.db import Error, connection
    from health_check.exceptions import ServiceUnavailable

    from nexus.api.health import Serving
    from nexus.kernel import database

    def ask() -> None:
        with database.time_budget(1.0), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    async def run(self: Serving) -> None:
        try:
            await sync_to_async(ask)()
        except Error as error:
            await sync_to_async(connection.close)()
            raise ServiceUnavailable("the database is away") from error

    Serving.run = run  # type: ignore[method-assign]


def _redis_timeouts() -> None:
    """Redis is waited for."""
    from django.conf import settings

    options = settings.CACHES["default"]["OPTIONS"]
    options |= {"SOCKET_TIMEOUT": None, "SOCKET_CONNECT_TIMEOUT": None}


MECHANISMS: Final[dict[str, Callable[[], None]]] = {
    "confirmation": _confirmation,
    "lease": _lease,
    "modest-readiness": _modest_readiness,
    "parking": _parking,
    "read-your-writes": _read_your_writes,
    "redis-timeouts": _redis_timeouts,
    "wrong-node": _wrong_node,
}


def _start(mechanism: str, role: str) -> None:
    start = ROLES[role]

    def without(environment: Environment) -> None:
        import django

        django.setup()
        MECHANISMS[mechanism]()
        start(environment)

    ROLES[role] = without
    main([role])


if __name__ == "__main__":
    _start(*sys.argv[1:])
