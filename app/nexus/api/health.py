"""/livez, /readyz, /startupz: what HAProxy and Kubernetes ask. Only the last one looks at a dependency."""

import asyncio
import dataclasses
import mmap
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, ClassVar, Final

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection, connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable
from health_check.views import HealthCheckView

from nexus.kernel import database, nodes, replicas
from nexus.kernel.schema import missing_migrations

View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

_LOOK_S: Final = 2.0
# One byte that gunicorn's master shares with the workers it forks.
_draining: Final = mmap.mmap(-1, 1)


def is_draining() -> bool:
    """Whether this replica is about to stop: it answers, and nobody should send it more."""
    return _draining[0] != 0


def begin_draining() -> None:
    """Tells every process of this replica."""
    _draining[0] = 1


@dataclasses.dataclass
class Alive(HealthCheck):  # type: ignore[misc]
    """The process answers. A dependency that is away is no reason to restart it."""

    async def run(self) -> None:
        """Nothing more to ask."""


@dataclasses.dataclass
class Serving(HealthCheck):  # type: ignore[misc]
    """The process answers and does not stop.

    Without Postgres or Redis it still serves what it can, and says 503 where it cannot: if all replicas left the farm
    for that, nobody would be left to say so.
    """

    async def run(self) -> None:
        """Asks the flag of the master."""
        if is_draining():
            raise ServiceUnavailable("draining")


@dataclasses.dataclass
class Migrated(HealthCheck):  # type: ignore[misc]
    """The database has what this release needs. Once seen, never asked again."""

    is_seen: ClassVar[bool] = False

    async def run(self) -> None:
        """Asks the database."""
        if not Migrated.is_seen:
            await sync_to_async(self._look)()

    def _look(self) -> None:
        try:
            # Where there are replicas, a replica of web can start while the primary is away.
            has_replica = nodes.has_replica()
            with database.time_budget(_LOOK_S):
                missing = replicas.read(missing_migrations, needs_primary=True) if has_replica else missing_migrations()
        except (DatabaseError, InterfaceError):
            raise ServiceUnavailable("the database cannot be asked") from None
        finally:
            if not connection.in_atomic_block:
                connections.close_all()  # the process may never need one again (live)
        if missing:
            raise ServiceUnavailable(f"{len(missing)} migrations are missing")
        Migrated.is_seen = True


class Probe(HealthCheckView):  # type: ignore[misc]
    """Named checks as plain text; `failed` is the status when one of them fails."""

    failed: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE

    async def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Runs the checks."""
        self.results = await asyncio.gather(*(check.get_result() for check in self.get_checks()))
        is_well = not any(result.error for result in self.results)
        response: HttpResponse = self.render_to_response_text(HTTPStatus.OK if is_well else self.failed)
        return response


def _probe(*checks: type[HealthCheck], failed: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> View:
    view: View = Probe.as_view(checks=checks, failed=failed)
    return view


livez = _probe(Alive)
# 404: HAProxy (http-check disable-on-404) sends nothing new and cuts nothing that runs.
readyz = _probe(Serving, failed=HTTPStatus.NOT_FOUND)
startupz = _probe(Migrated)
