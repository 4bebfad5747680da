"""A steady load by many clients that never repeat a call, and the record of how each call ended.

    with Load(url, ca, rate=60) as load:
        ...                                  # break something
    assert load.report.lost == [], load.report

Each call ends ok (an answer below 400), failed (certainly not done, or a read without a good answer) or unknown (a
write whose answer was lost: it may have been done).
"""

import http.client
import itertools
import ssl
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Verdict(StrEnum):
    """How a call ended, as far as the client can know."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. A write has a method that is not safe; it is keyed when `key` is given."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    key: str | None = None

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.method not in ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call and its end; times are monotonic seconds."""

    call: Call
    started: float
    ended: float
    verdict: Verdict
    status: int | None = None
    answer: bytes = b""
    reason: str = ""

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.started


class Report:
    """What happened to all calls."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = sorted(outcomes, key=lambda outcome: outcome.started)

    @property
    def ok(self) -> list[Outcome]:
        """The calls with a good answer."""
        return [outcome for outcome in self.outcomes if outcome.verdict is Verdict.OK]

    @property
    def lost(self) -> list[Outcome]:
        """The calls without a good answer: failed and unknown ones."""
        return [outcome for outcome in self.outcomes if outcome.verdict is not Verdict.OK]

    @property
    def acknowledged_keys(self) -> set[str]:
        """The keys of the writes that were answered as done."""
        return {outcome.call.key for outcome in self.ok if outcome.call.key}

    @property
    def slowest(self) -> float:
        """The longest wait of one client, in seconds."""
        return max((outcome.seconds for outcome in self.outcomes), default=0.0)

    @property
    def write_pause(self) -> float:
        """The longest time, in seconds, in which no write was acknowledged to anybody."""
        ends = sorted(outcome.ended for outcome in self.ok if outcome.call.is_write)
        return max((later - earlier for earlier, later in itertools.pairwise(ends)), default=0.0)

    def __str__(self) -> str:
        verdicts = Counter(str(outcome.verdict) for outcome in self.outcomes)
        reasons = Counter(f"{outcome.call.method} {outcome.reason}" for outcome in self.lost)
        return (
            f"{len(self.outcomes)} calls: {dict(verdicts)}, lost: {dict(reasons)}, "
            f"slowest {self.slowest:.2f} s, longest pause of writes {self.write_pause:.2f} s"
        )


Mix = Callable[[int], Call]


def two_reads_one_keyed_write(number: int) -> Call:
    """The mix of the availability promises, for the application of these tests."""
    if number % 3 < 2:
        return Call("GET", "/api/v1/read")
    key = str(uuid.uuid4())
    return Call("POST", "/api/v1/write", {"Idempotency-Key": key, "Content-Type": "application/json"}, b"{}", key)


class Load:
    """`clients` threads send `rate` calls a second in all, each client one at a time over a kept connection, which it
    replaces after `calls_per_connection` so that a reload meets new connections too. `mix` makes call number n."""

    def __init__(
        self,
        url: str,
        ca: Path,
        rate: float = 60.0,
        *,
        clients: int = 16,
        mix: Mix = two_reads_one_keyed_write,
        timeout: float = 15.0,
        calls_per_connection: int = 20,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._rate, self._clients, self._mix = rate, clients, mix
        self._timeout, self._calls_per_connection = timeout, calls_per_connection
        self._end = threading.Event()
        self._outcomes: list[Outcome] = []
        self._running: dict[int, float] = {}  # when each client's present call started
        self._threads: list[threading.Thread] = []

    @property
    def report(self) -> Report:
        """What happened so far; complete once the load has stopped."""
        return Report(list(self._outcomes))

    def start(self) -> None:
        """Returns at once."""
        begin = time.monotonic()
        self._threads = [
            threading.Thread(target=self._client, args=(number, begin), name=f"client-{number}", daemon=True)
            for number in range(self._clients)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every running call come to its end."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, calls: int, seconds: float = 30.0) -> None:
        """Until so many more calls have ended, or the time is over."""
        target, deadline = len(self._outcomes) + calls, time.monotonic() + seconds
        while len(self._outcomes) < target and time.monotonic() < deadline:
            time.sleep(0.02)

    def wait_for_running(self, seconds: float = 30.0) -> None:
        """Until every call that runs at this moment has ended, or the time is over."""
        running, deadline = self._running.copy(), time.monotonic() + seconds
        while running.items() & self._running.copy().items() and time.monotonic() < deadline:
            time.sleep(0.02)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _client(self, number: int, begin: float) -> None:
        connection, served = self._connection(), number  # connections end at different times
        while not self._end.wait(max(0.0, begin + number / self._rate - time.monotonic())):
            if served >= self._calls_per_connection:
                connection.close()
                served = 0
            client = number % self._clients
            self._running[client] = time.monotonic()
            outcome = self._send(connection, self._mix(number))
            del self._running[client]
            self._outcomes.append(outcome)
            number, served = number + self._clients, served + 1
        connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)

    def _send(self, connection: http.client.HTTPSConnection, call: Call) -> Outcome:
        started, sent = time.monotonic(), False
        try:
            if connection.sock is None:
                connection.connect()
            sent = True
            connection.request(call.method, call.path, call.body, dict(call.headers))
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            verdict = Verdict.UNKNOWN if sent and call.is_write else Verdict.FAILED
            return Outcome(call, started, time.monotonic(), verdict, reason=type(error).__name__)
        verdict = _verdict(call, response.status)
        return Outcome(call, started, time.monotonic(), verdict, response.status, answer, str(response.status))


def _verdict(call: Call, status: int) -> Verdict:
    if status < 400:
        return Verdict.OK
    # The proxies' words for "the answer was lost on the way".
    return Verdict.UNKNOWN if call.is_write and status in (502, 504) else Verdict.FAILED
