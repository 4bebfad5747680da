"""Wake-ups for the live streams, through Redis. A lost one costs freshness and never data: the rows are the truth."""

import functools

from django.db import transaction

from nexus.kernel import redis


def user_channel(user_id: int) -> str:
    """Where one recipient's streams listen."""
    return f"live:user:{user_id}"


def post_channel(post_id: int) -> str:
    """Where those listen who have this post on screen."""
    return f"live:post:{post_id}"


def push_notification(user_id: int, sequence: int) -> None:
    """After the commit, tells the recipient's streams that the inbox has come to `sequence`."""
    _push(user_channel(user_id), str(sequence))


def push_post(post_id: int) -> None:
    """After the commit, tells everybody who has the post on screen that it is no longer the same."""
    _push(post_channel(post_id), "")


def _push(channel: str, message: str) -> None:
    send = functools.partial(redis.attempt, "live", lambda client: client.publish(channel, message), None)
    transaction.on_commit(send, robust=True)
