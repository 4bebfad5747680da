"""Requests byte by byte, for what no well-behaved client can be made to send."""

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.stack.client import Person
from tests.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        return json.loads(self.body)


def request(
    person: Person | None,
    *,
    method: bytes = b"POST",
    target: bytes = b"/api/v1/posts",
    body: bytes = b"",
    headers: Iterable[bytes] = (),
    length: bool = True,
    host: bytes = b"localhost",
) -> bytes:
    """The bytes of a request by this person; with `length`, the body's true length is told."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, *headers]
    if person is not None:
        lines.append(b"Authorization: Bearer " + person.token.encode())
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def send(stack: Stack, data: bytes, *, method: str = "GET") -> Answer:
    """The door's answer to these bytes (interim answers skipped); `method` says whether it has a body."""
    with (
        socket.create_connection(("127.0.0.1", stack.door.port), timeout=20) as plain,
        stack.door.client_tls().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(data)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
