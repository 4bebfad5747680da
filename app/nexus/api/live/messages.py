"""Server-sent events, as bytes."""

import random
from typing import Any, Final

import orjson

from nexus.api.rendering import render_notification, render_post
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.shapes import PostShape

HEARTBEAT: Final = b": \n\n"


def message(event: str, data: dict[str, Any], *, sequence: int | None = None) -> bytes:
    """One event; with `sequence`, the place from which a reconnecting client goes on (Last-Event-ID)."""
    place = b"" if sequence is None else b"id: %d\n" % sequence
    return place + b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def hello(sequence: int) -> bytes:
    """The first event: where the stream stands, and how long to wait before reconnecting (jitter: not all at once)."""
    return b"retry: %d\n" % random.randint(500, 3_000) + message("hello", {}, sequence=sequence)


def notification(shape: NotificationShape) -> bytes:
    """A notification that is new or has grown."""
    return message("notification", render_notification(shape), sequence=shape.sequence)


def post(shape: PostShape) -> bytes:
    """A post on screen as it is now."""
    return message("post", render_post(shape))


def post_gone(post_id: int) -> bytes:
    """A post on screen that is deleted or hidden now."""
    return message("post_gone", {"id": str(post_id)})


def reconnect() -> bytes:
    """This server stops: come back after the time in `retry:`."""
    return message("reconnect", {})


def ended() -> bytes:
    """The access token is no longer valid: refresh it and come back."""
    return message("ended", {"code": "not_authenticated"})
