"""A Sentry that keeps what it gets: the protocol of envelopes, as the SDK speaks it."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Received(ThreadingHTTPServer):
    """`events` are the errors, `texts` everything that was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.texts: list[str] = []

    @property
    def dsn(self) -> str:
        """For NEXUS_SENTRY_DSN."""
        return f"http://key@127.0.0.1:{self.server_port}/1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Received

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = (gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body).decode()
        self.server.texts.append(text)
        self.server.events += [each for each in map(json.loads, filter(None, text.splitlines())) if "level" in each]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""
