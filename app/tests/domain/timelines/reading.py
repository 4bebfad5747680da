"""How the tests of timelines read."""

from collections.abc import Callable

from django.db.models import F

from nexus.domain.timelines.feeds import Feed
from nexus.domain.timelines.queries import home_timeline
from nexus.domain.timelines.shapes import TimelineItem
from nexus.domain.users.models import User
from nexus.kernel import redis
from nexus.kernel.pages import Page, PageRequest
from tests import factories as make

Read = Callable[[PageRequest], Page[TimelineItem]]


def ids(page: Page[TimelineItem]) -> list[int]:
    """The posts of a page."""
    assert page.positions == tuple(item.post.id for item in page.items)
    return list(page.positions)


def home_of(reader: User) -> Read:
    """The reader's home timeline."""
    return lambda page: home_timeline(viewer=make.viewer(reader), page=page)


def home(reader: User) -> list[int]:
    """Its first page."""
    return ids(home_of(reader)(PageRequest()))


def walk(read: Read, limit: int, between: Callable[[], object] = lambda: None) -> list[list[int]]:
    """All pages from the newest to the end, with something that happens between any two of them."""
    pages = [read(PageRequest(limit=limit))]
    while pages[-1].next is not None:
        between()
        pages.append(read(PageRequest(limit=limit, cursor=pages[-1].next)))
        assert len(pages) < 500, "the timeline does not end"
    return [ids(page) for page in pages]


def flat(pages: list[list[int]]) -> list[int]:
    """The posts of all pages."""
    return [post_id for page in pages for post_id in page]


def feed_of(reader: User) -> Feed:
    """The reader's index."""
    reader.refresh_from_db(fields=["feed_epoch"])
    return Feed(reader.pk, reader.feed_epoch)


def members(reader: User) -> list[bytes]:
    """What Redis has under the name of the reader's index: the state first, then ids upward."""
    return redis.client().zrange(feed_of(reader).key, 0, -1)  # type: ignore[return-value]


def indexed(reader: User) -> list[int]:
    """The ids in the reader's index, newest first."""
    return [int(member) for member in reversed(members(reader)[1:])]


def bump_epoch(reader: User) -> None:
    """What follow, unfollow and block do."""
    User.objects.filter(pk=reader.pk).update(feed_epoch=F("feed_epoch") + 1)
