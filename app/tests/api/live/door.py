"""The role live inside of a test: its ASGI application in an event loop of its own, and streams read from it."""

# mypy: disable-error-code="no-untyped-call"
# (asgiref's communicator has no types)

import asyncio
import json
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from asgiref.testing import ApplicationCommunicator
from django.db import connections

from nexus.api.live import reader
from nexus.api.live.handler import StreamHandler

T = TypeVar("T")


class Answer:
    """What came back for one request."""

    def __init__(self, door: "Door", scope: dict[str, Any]) -> None:
        self._door = door
        self._application = ApplicationCommunicator(door.application, scope)
        self._rest = b""
        door.run(self._application.send_input({"type": "http.request", "body": b"", "more_body": False}))
        start = self._next()
        self.status: int = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}

    def json(self) -> Any:
        """The body of an answer that is no stream."""
        body = self._next()["body"]
        return json.loads(body) if body else None

    def block(self) -> dict[str, str]:
        """The next event, or heartbeat, as its fields."""
        while b"\n\n" not in self._rest:
            part = self._next()
            assert part.get("more_body"), "the stream has ended"
            self._rest += part["body"]
        text, _, self._rest = self._rest.partition(b"\n\n")
        return dict(line.partition(": ")[::2] for line in text.decode().split("\n"))

    def event(self) -> tuple[str, Any]:
        """The next event's name and data; heartbeats are skipped."""
        while "event" not in (fields := self.block()):
            pass
        return fields["event"], json.loads(fields["data"])

    def is_silent(self, seconds: float = 0.8) -> bool:
        """Whether nothing arrives for so long: longer than a channel rests and a subscription takes."""
        return not self._rest and bool(self._door.run(self._application.receive_nothing(seconds)))

    def has_ended(self) -> bool:
        """Whether the server has ended the answer, and nothing more is to be read."""
        return not self._rest and not self._next().get("more_body", False)

    def leave(self) -> None:
        """The client goes away."""
        self._door.run(self._application.send_input({"type": "http.disconnect"}))
        self._door.run(self._application.wait(5))

    def _next(self) -> dict[str, Any]:
        found: dict[str, Any] = self._door.run(self._application.receive_output(10))
        return found


class Door:
    """A context manager; everything that it began ends with it."""

    def __init__(self) -> None:
        self.application = StreamHandler()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of something done in the door's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def ask(self, headers: Mapping[str, str], query: str = "", *, method: str = "GET") -> Answer:
        """One request for /api/v1/live."""
        sent = {"host": "testserver", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": "/api/v1/live",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
        }
        return Answer(self, scope)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        _close_database_connections()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _close_database_connections() -> None:
    """Those of the threads that read for streams: Postgres drops no database that somebody is connected to."""
    together = threading.Barrier(reader.THREADS)

    def close() -> None:
        together.wait(10)
        connections.close_all()

    for done in [reader._threads.submit(close) for _ in range(reader.THREADS)]:
        done.result()
