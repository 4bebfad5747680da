"""A tiny WSGI application that stands for the web role behind the door: reads, keyed writes, probes, a stream."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gunicorn.http import wsgi

Start = Callable[[str, list[tuple[str, str]]], object]

DIRECTORY = Path(os.environ["REPLICA_DIRECTORY"])  # drain: a file here means draining
EFFECTS = Path(os.environ["REPLICA_EFFECTS"])  # one file per effect, shared by all replicas
AWAY = EFFECTS.with_name("primary-away")  # while this file is there, writes wait
NAME = os.environ["REPLICA_NAME"]
# Long enough that a kill meets requests in flight.
SECONDS_BEFORE, SECONDS_AFTER = 0.03, 0.02


class WholeResponse(wsgi.Response):  # type: ignore[misc]
    """As the web role does it: head and body by one call, because half an answer can be repeated by nobody."""

    def write(self, arg: bytes) -> None:
        """Collects what gunicorn would send in two calls."""
        wire: socket.socket = self.sock
        pieces = _Pieces()
        self.sock: Any = pieces
        try:
            super().write(arg)
        finally:
            self.sock = wire
        wire.sendall(pieces.data)


class _Pieces:
    data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data


wsgi.Response = WholeResponse


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Routes by the path."""
    path = environ["PATH_INFO"]
    if path == "/readyz":
        return _answer(start, "404 Not Found" if (DIRECTORY / "drain").exists() else "200 OK", {})
    if path == "/api/v1/live":
        start("200 OK", [("Content-Type", "text/event-stream")])
        return _stream()
    if path.startswith("/api/v1/slow/"):
        time.sleep(float(path.rsplit("/", 1)[1]))
    if path == "/api/v1/unavailable":
        return _answer(start, "503 Service Unavailable", {"code": "unavailable", "replica": NAME})
    if environ["REQUEST_METHOD"] == "POST":
        return _answer(start, "200 OK", _write(environ))
    time.sleep(SECONDS_BEFORE)
    headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    return _answer(start, "200 OK", {"replica": NAME, "headers": headers}, is_public="status" in path)


def _write(environ: dict[str, Any]) -> dict[str, object]:
    """One effect per key, however often it is delivered."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    key = environ.get("HTTP_IDEMPOTENCY_KEY", "none")
    time.sleep(SECONDS_BEFORE)
    while AWAY.exists():
        time.sleep(0.02)
    with contextlib.suppress(FileExistsError):
        (EFFECTS / key).open("x").close()
    time.sleep(SECONDS_AFTER)
    return {"replica": NAME, "key": key, "length": len(body)}


def _stream() -> Iterator[bytes]:
    yield b"event: hello\n\n"
    # Quiet for longer than the door lets a read wait.
    time.sleep(3)
    yield b"event: late\n\n"


def _answer(start: Start, status: str, content: dict[str, Any], *, is_public: bool = False) -> list[bytes]:
    body = json.dumps(content).encode()
    public = [("Cache-Control", "public, max-age=15")] if is_public else []
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *public])
    return [body]
