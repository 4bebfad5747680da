"""A client as Nexus's guide asks for it: a kept connection, a key for each write, the same call again within 15 s."""

import http.client
import json
import random
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from drills.records import Verdict

PATIENCE_S: Final = 15.0
CONNECT_S: Final = 1.0
UNACKNOWLEDGED_MS: Final = 4000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
_IN_PROGRESS: Final = "idempotency_in_progress"
# What says for certain that nothing was done; any other error of a write may hide an effect.
_NOT_DONE: Final = frozenset({"rate_limited", "not_found", "not_authenticated", "invalid_input"})
_UNAVAILABLE: Final = "unavailable"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt. `status` is None when no answer came, `was_sent` says whether a request had gone out by then."""

    status: int | None
    body: Any = None
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    was_sent: bool = True

    @property
    def is_good(self) -> bool:
        """Whether it was done; 404 is an answer too, which whoever asked must judge."""
        return self.status is not None and (self.status < 400 or self.status == 404)

    @property
    def is_worth_another(self) -> bool:
        """Whether the guide says to send it again."""
        return self.status is None or self.status == 429 or self.status >= 500 or self.code == _IN_PROGRESS

    def may_be_done(self, *, is_keyed: bool) -> bool:
        """Whether a write may have had its effect all the same.

        The proxy repeats a keyed one at another replica: "unavailable" is then the answer to the last of several tries.
        """
        is_sure = self.code in _NOT_DONE or (self.code == _UNAVAILABLE and not is_keyed)
        return self.was_sent and not is_sure


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended after all its attempts."""

    started: float
    ended: float
    verdict: Verdict
    attempts: int
    last: Try
    detail: str


class Client:
    """One person's device. `retries`: whether it sends a call again at all."""

    def __init__(self, url: str, ca: str, *, retries: bool, keeps_cookies: bool = True) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._tls = ssl.create_default_context(cafile=ca)
        self._retries, self._keeps_cookies = retries, keeps_cookies
        self._connection: http.client.HTTPSConnection | None = None
        self._written = ""
        self.token = ""

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Outcome:
        """Sends it until it has a good answer or the patience is over."""
        is_write = method != "GET"
        started = time.monotonic()
        deadline, attempts, may_be_done, heard = started + PATIENCE_S, 0, False, []
        while True:
            attempts += 1
            last = self._try(method, path, body, key, deadline)
            heard.append(last.code or str(last.status))
            is_good = last.is_good and not (is_write and last.status == 404)
            may_be_done = may_be_done or (not is_good and last.may_be_done(is_keyed=key is not None))
            pause = _pause(last, attempts)
            has_time = time.monotonic() + pause < deadline
            if is_good or not (self._retries and last.is_worth_another and has_time):
                break
            time.sleep(pause)
        verdict: Verdict = "ok" if is_good else "unknown" if is_write and may_be_done else "fail"
        detail = "" if attempts == 1 and is_good else " ".join(heard)
        return Outcome(started, time.monotonic(), verdict, attempts, last, detail)

    def close(self) -> None:
        """Hangs up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, method: str, path: str, body: object, key: str | None, deadline: float) -> Try:
        data = None if body is None else json.dumps(body).encode()
        was_sent = False
        try:
            connection = self._connected()
            assert connection.sock is not None
            connection.sock.settimeout(max(0.1, deadline - time.monotonic()))
            was_sent = True
            connection.request(method, path, data, self._headers(key))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Try(None, code=type(error).__name__, was_sent=was_sent)
        if answer.will_close:
            self.close()
        return self._understood(answer, text)

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None or self._connection.sock is None:
            self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=self._tls)
            self._connection.connect()
            _ask_whether_it_lives(self._connection.sock)
        return self._connection

    def _headers(self, key: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        if self._written:
            headers["X-Nexus-Written"] = self._written
        return headers

    def _understood(self, answer: http.client.HTTPResponse, text: bytes) -> Try:
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if self._keeps_cookies and headers.get("x-nexus-written"):
            self._written = headers["x-nexus-written"]
        try:
            body = json.loads(text) if text else None
        except ValueError:
            return Try(answer.status if answer.status >= 400 else 502, code="no_json", headers=headers)
        if isinstance(body, dict) and body.get("errors") and "data" in body:  # GraphQL's errors have no status
            told = body["errors"][0].get("extensions", {})
            return Try(int(told.get("status", 500)), body, str(told.get("code", "internal")), headers)
        code = str(body.get("code", "")) if isinstance(body, dict) and answer.status >= 400 else ""
        return Try(answer.status, body, code, headers)


def _ask_whether_it_lives(connection: socket.socket) -> None:
    """Whoever waits for an answer has nothing to send, and would never learn that the other end is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 4)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    # Nobody is asked whether he lives while what was sent is not acknowledged: it is only sent again, for minutes.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def _pause(last: Try, attempts: int) -> float:
    """What the server asks for, otherwise longer each time; with jitter, so that clients do not come back together."""
    asked = last.headers.get("retry-after", "")
    if asked.isdigit():
        return float(asked) * random.uniform(0.8, 1.2)
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1.0)
