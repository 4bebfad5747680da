"""Brings new posts to the timelines of those who read lately."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from redis.exceptions import RedisError

from nexus.domain.graph.models import Follow
from nexus.domain.posts.models import Post
from nexus.domain.timelines import feeds
from nexus.domain.timelines.events import PostFanOutContinued
from nexus.domain.timelines.feeds import Feed
from nexus.domain.users.models import User
from nexus.kernel import clock, ids, outbox
from nexus.kernel.logging import log
from nexus.kernel.use_cases import reaction

CHUNK: Final = 1_000
# Redis may come back: a delivery fails for so long and is sent again. Later the feeds that miss the post are given up.
PATIENCE: Final = timedelta(seconds=30)


@reaction
def fan_out_post(*, post_id: int, after_id: int | None = None) -> None:
    """Adds a post to the feeds of one chunk of its author's followers, and leaves the next chunk to the next delivery.

    Readers without a feed find it in Postgres. An author with too many followers is merged at read, now and for ever.
    """
    if not settings.NEXUS.redis_url:
        return
    author = User.objects.filter(pk__in=Post.objects.filter(pk=post_id, deleted_at=None).values("author_id")).first()
    if author is None or author.is_merged_at_read:
        return
    if author.follower_count > settings.NEXUS.fan_out_limit:
        User.objects.filter(pk=author.pk).update(is_merged_at_read=True)
        return
    follows = Follow.objects.filter(followee=author).order_by("-id")
    if after_id is not None:
        follows = follows.filter(id__lt=after_id)
    chunk = list(follows.values_list("id", "follower_id", "follower__feed_epoch")[:CHUNK])
    _push(post_id, [Feed(reader_id, epoch) for _, reader_id, epoch in chunk])
    if len(chunk) == CHUNK:
        outbox.publish(PostFanOutContinued(post_id=post_id, after_id=chunk[-1][0]))


def _push(post_id: int, readers: list[Feed]) -> None:
    try:
        feeds.push(readers, post_id)
    except (RedisError, OSError):
        if clock.now() - ids.made_at(post_id) < PATIENCE:
            raise
        log.warning("feeds_abandoned", post_id=post_id, readers=len(readers))
        _abandon(feed.reader_id for feed in readers)


def _abandon(reader_ids: Iterable[int]) -> None:
    """Whatever Redis has of these feeds when it is back, nobody will look at it."""
    # Locked in one order, so that two chunks never wait for each other.
    rows = User.objects.filter(pk__in=list(reader_ids)).order_by("pk").select_for_update(no_key=True)
    locked = list(rows.values_list("pk", flat=True))
    User.objects.filter(pk__in=locked).update(feed_epoch=F("feed_epoch") + 1)
