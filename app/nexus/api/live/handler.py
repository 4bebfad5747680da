"""Django's ASGI handler, without a thread for each stream."""

from typing import Any

from django.core.handlers.asgi import ASGIHandler

from nexus.api.requests import read_request_id
from nexus.kernel import logging, traces


class StreamHandler(ASGIHandler):
    """What Django does synchronously at the edges of a request takes turns in one thread of the process.

    Django's own gives each request a thread that lives as long as the request: an hour, with a stream.
    """

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            raise ValueError(f"live speaks HTTP and not {scope['type']}")
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        logging.bind_request(read_request_id(headers.get(b"x-request-id", "")))
        traces.bind(headers.get(b"traceparent", ""))
        await self.handle(scope, receive, send)
