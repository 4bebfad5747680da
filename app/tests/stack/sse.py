"""A client of the live stream, as small as can be: http.client, and the few rules of text/event-stream."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

PATH = "/api/v1/live"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` is what a reconnecting client sends as Last-Event-ID."""

    name: str
    data: Any
    id: str | None


class Refused(Exception):
    """The server answered with a problem document instead of a stream."""

    def __init__(self, status: int, problem: Any, headers: Mapping[str, str]) -> None:
        super().__init__(f"{status} {problem}")
        self.status, self.problem, self.headers = status, problem, headers


class Live:
    """One stream. Iterating ends with it, cut or ended: what was not whole is no event."""

    def __init__(
        self,
        port: int,
        headers: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        posts: str = "",
        last_event_id: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 30.0,
    ) -> None:
        resume = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        # HTTPSConnection is an HTTPConnection; without `tls` we talk to a replica itself.
        self._connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
            if tls
            else http.client.HTTPConnection(host, port, timeout=timeout)
        )
        self._connection.request("GET", f"{PATH}?posts={posts}" if posts else PATH, headers={**headers, **resume})
        self.answer = self._connection.getresponse()
        if self.answer.status != 200:
            problem = json.loads(self.answer.read())
            self._connection.close()
            raise Refused(self.answer.status, problem, dict(self.answer.getheaders()))
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self.heartbeats = 0

    def __iter__(self) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for line in self._lines():
            if line.startswith(":"):
                self.heartbeats += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                if "retry" in fields:
                    self.retry_ms = int(fields["retry"])
                if "id" in fields:
                    self.last_event_id = fields["id"]
                if "event" in fields:
                    yield Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
                fields = {}

    def until(self, is_enough: Callable[[Event], bool], seconds: float = 30.0) -> list[Event]:
        """Events up to the first that is enough; fewer when the stream ends before, TimeoutError when it lasts."""
        deadline, found = time.monotonic() + seconds, []
        for event in self:
            found.append(event)
            if is_enough(event):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} events, the last {event}")
        return found

    def until_named(self, name: str, seconds: float = 30.0) -> Event:
        """The next event of this name."""
        event = self.until(lambda event: event.name == name, seconds)[-1]
        assert event.name == name, f"the stream ended with {event}"
        return event

    def close(self) -> None:
        """Leaves."""
        self.answer.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lines(self) -> Iterator[str]:
        try:
            while line := self.answer.readline():
                yield line.decode().rstrip("\n")
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            return
