"""Server-sent events, as bytes."""

import random
from typing import Any, Final, NamedTuple

import orjson

from nexus.api.rendering import render_notification, render_post
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.shapes import PostShape


class Message(NamedTuple):
    """One event; `text` is all that goes over the wire."""

    kind: str
    text: bytes


HEARTBEAT: Final = Message("heartbeat", b": \n\n")


def hello(sequence: int) -> Message:
    """The first event: where the stream stands, and how long to wait before reconnecting (jitter: not all at once)."""
    kind, text = _message("hello", {}, sequence=sequence)
    return Message(kind, b"retry: %d\n" % random.randint(500, 3_000) + text)


def notification(shape: NotificationShape) -> Message:
    """A notification that is new or has grown."""
    return _message("notification", render_notification(shape), sequence=shape.sequence)


def post(shape: PostShape) -> Message:
    """A post on screen as it is now."""
    return _message("post", render_post(shape))


def post_gone(post_id: int) -> Message:
    """A post on screen that is deleted, or not for the viewer's eyes: the two are the same on purpose."""
    return _message("post_gone", {"id": str(post_id)})


def reconnect() -> Message:
    """This server stops: come back after the time in `retry:`."""
    return _message("reconnect", {})


def ended() -> Message:
    """The access token is no longer valid: refresh it and come back."""
    return _message("ended", {"code": "not_authenticated"})


def _message(kind: str, data: dict[str, Any], *, sequence: int | None = None) -> Message:
    """With `sequence`, the place from which a reconnecting client goes on (Last-Event-ID)."""
    place = b"" if sequence is None else b"id: %d\n" % sequence
    return Message(kind, place + b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n")
