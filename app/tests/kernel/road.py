"""A road to a server that can be closed, led elsewhere, or fall silent without a word, as a lost machine does."""

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Road:
    """Listens on `port` of 127.0.0.1 and leads to another port there, or nowhere; a context manager."""

    def __init__(self, to: int | None) -> None:
        self.to = to
        self.requests, self.answers = threading.Event(), threading.Event()
        self.last_request: bytes | None = None
        self.late_s = 0.0  # each answer takes so much longer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self.speak()

    def speak(self) -> None:
        """Passes everything on, what was held back included."""
        self.requests.set()
        self.answers.set()

    def fall_silent(self) -> None:
        """Accepts, and passes nothing on in either direction: link down, kill -9 of the machine, SIGSTOP."""
        self.requests.clear()
        self.answers.clear()

    def lose_the_answer_to(self, request: bytes) -> None:
        """The server gets this request, and from then on nobody hears from it."""
        self.last_request = request

    def lead(self, to: int | None) -> None:
        """Ends what there is and leads new connections there; None: each is closed at once."""
        self.to = to
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                each.shutdown(socket.SHUT_RDWR)
                each.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.lead(None)
        self.speak()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.to is None:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            for source, target, gate in ((client, server, self.requests), (server, client, self.answers)):
                threading.Thread(target=self._pass, args=(source, target, gate), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                gate.wait()
                if gate is self.answers:
                    time.sleep(self.late_s)
                if gate is self.requests and self.last_request and self.last_request in data:
                    self.last_request = None
                    self.answers.clear()
                target.sendall(data)
            gate.wait()
            target.shutdown(socket.SHUT_WR)
