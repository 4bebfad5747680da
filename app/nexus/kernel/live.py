"""Wake-ups for the live streams, through Redis. A lost one costs freshness and never data: the rows are the truth."""

import functools
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import transaction

from nexus.kernel import redis, traces

if TYPE_CHECKING:
    from redis import Redis

_MESSAGE: Final = re.compile(r"t=(\d+\.\d+)(?: (\S+))?")


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


@dataclass(frozen=True, slots=True)
class WakeUp:
    """When it was sent (seconds since 1970), and the trace that it belongs to; empty: none that is recorded."""

    sent_at: float
    traceparent: str

    @classmethod
    def of(cls, message: bytes) -> "WakeUp | None":
        """What a message says; None for one of another release."""
        found = _MESSAGE.fullmatch(message.decode("ascii", "replace"))
        return None if found is None else cls(float(found[1]), found[2] or "")


def _push(channel: str) -> None:
    def send(client: "Redis") -> object:
        trace = f" {traces.traceparent()}" if traces.is_recorded() else ""
        return client.publish(channel, f"t={time.time():.3f}{trace}")

    transaction.on_commit(functools.partial(redis.attempt, "live", send, None), robust=True)
