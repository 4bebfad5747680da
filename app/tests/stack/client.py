"""Whoever talks to a Nexus through its door, wherever that is."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.stack.sse import Live

PASSWORD = "a long enough phrase"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed up."""

    id: str
    handle: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


class Client:
    """`ca`: the one authority it trusts."""

    def __init__(self, url: str, ca: Path) -> None:
        parts = urlsplit(url)
        self.url, self.ca = url, ca
        self._host, self._port = parts.hostname or "", parts.port or 443

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """One request through HAProxy: status, JSON, headers."""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=15, context=self._tls())
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.getheaders())
        finally:
            connection.close()

    def listen(self, headers: Mapping[str, str]) -> Live:
        """A live stream."""
        return Live(self._port, headers, host=self._host, tls=self._tls())

    def sign_up(self, handle: str) -> Person:
        """Somebody new."""
        body = {"handle": handle, "email": f"{handle}@example.org", "password": PASSWORD}
        status, answer, _ = self.call("POST", "/api/v1/identity/sign-up", body)
        assert status == 201, answer
        return Person(answer["user"]["id"], handle, answer["access_token"])

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))
