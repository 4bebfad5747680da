"""gunicorn's response with its head and its body in one piece."""

from typing import Any

from gunicorn import util
from gunicorn.http.wsgi import Response


class _Paper:
    """Takes what would go to the socket."""

    def __init__(self) -> None:
        self.text = b""

    def sendall(self, data: bytes) -> None:
        self.text += data


class WholeResponse(Response):  # type: ignore[misc]
    """Sends the head together with the first piece of the body.

    gunicorn makes two calls of it. A worker that is killed in between leaves half an answer, which no proxy can repeat any
    more: about one kill in thirty on a busy machine. One call is done or not done.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._head = b""

    def send_headers(self) -> None:
        """Writes the head, but keeps it until there is a body or the end."""
        wire, paper = self.sock, _Paper()
        self.sock = paper
        try:
            super().send_headers()
        finally:
            self.sock = wire
        self._head += paper.text

    def sendfile(self, respiter: Any) -> bool:
        """A file goes past us into the socket, so what comes before it must be there."""
        self.send_headers()
        self._send_head()
        return bool(super().sendfile(respiter))

    def close(self) -> None:
        """An answer without a body ends with its head."""
        self.send_headers()
        if self.chunked:
            self._send_head()
        super().close()
        self._send_head()

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._send_head()
            super()._emit_body(data)
            return
        head, self._head = self._head, b""
        util.write(self.sock, head + data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            util.write(self.sock, head)
