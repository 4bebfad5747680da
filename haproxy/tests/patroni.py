"""A node of Postgres as the door sees it: a real server, and in Patroni's place somebody who says what a test wants."""

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from local.postgres import Postgres


class Node(Postgres):
    """Listens on a loopback address of its own; `role` is what its Patroni answers for, None for nothing."""

    def __init__(self, directory: Path, host: str, port: int, patroni_port: int) -> None:
        super().__init__(directory, port)
        self.host, self.patroni_port = host, patroni_port
        self.role: str | None = None
        self.is_silent = False
        self.questions: list[str] = []
        self._end = Event()
        self._patroni = _Patroni((host, patroni_port), self)

    @property
    def address(self) -> str:
        """Where the door finds it."""
        return f"{self.host}:{self.port}"

    def command(self) -> list[str]:
        """On two addresses: the one that tests of Postgres use, and its own."""
        return [*super().command(), "-c", f"listen_addresses=127.0.0.1,{self.host}"]

    def start(self) -> None:
        """Both of them."""
        super().start()
        Thread(target=self._patroni.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Both of them."""
        self._end.set()
        self._patroni.shutdown()
        self._patroni.server_close()
        super().stop()

    def answer(self, question: str) -> int:
        """Patroni's status for /primary or /replica; keeps silent when the test says so."""
        self.questions.append(question)
        if self.is_silent:
            self._end.wait()
        return 200 if question.partition("?")[0] == f"/{self.role}" else 503


class _Patroni(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], node: Node) -> None:
        self.node = node
        super().__init__(address, _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: _Patroni

    def do_GET(self) -> None:
        """One status without a body."""
        status = self.server.node.answer(self.path)
        with suppress(OSError):  # it has waited long enough
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""
