"""Wake-ups for the live streams, through Redis. A lost one costs freshness and never data: the rows are the truth."""

import functools
import re
import time
from typing import TYPE_CHECKING

from django.db import transaction

from nexus.kernel import redis

if TYPE_CHECKING:
    from redis import Redis


def user_channel(user_id: int) -> str:
    """Where one recipient's streams listen."""
    return f"live:user:{user_id}"


def post_channel(post_id: int) -> str:
    """Where those listen who have this post on screen."""
    return f"live:post:{post_id}"


def push_notification(user_id: int) -> None:
    """After the commit, tells the recipient's streams that the inbox has grown."""
    _push(user_channel(user_id))


def push_post(post_id: int) -> None:
    """After the commit, tells everybody who has the post on screen that it is no longer the same."""
    _push(post_channel(post_id))


def sent_at(message: bytes) -> float | None:
    """When a message was sent (seconds since 1970); None for one of another release."""
    text = message.decode("ascii", "replace")
    return float(text[2:]) if re.fullmatch(r"t=\d+\.\d+", text) else None


def _push(channel: str) -> None:
    def send(client: "Redis") -> object:
        return client.publish(channel, f"t={time.time():.3f}")

    transaction.on_commit(functools.partial(redis.attempt, "live", send, None), robust=True)
