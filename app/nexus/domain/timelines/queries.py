"""Timelines: newest first by post id, in pages that neither end early nor leave anything out."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from nexus.domain.posts.models import Post
from nexus.domain.posts.parsing import hashtag_key
from nexus.domain.posts.queries import visible_posts
from nexus.domain.timelines import rules, skeletons
from nexus.domain.timelines.scanning import Scan, Timeline, candidates_for, scan
from nexus.domain.timelines.shapes import TimelineItem
from nexus.domain.timelines.spans import Span
from nexus.domain.users.models import User
from nexus.kernel import caches
from nexus.kernel.errors import InvalidCursor, InvalidInput, NotAuthenticated, NotFound
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

# How long a first page that everybody sees may miss what a lost message told of. Deletions and edits are never missed.
_KEPT_S: Final = 3


@query(NotAuthenticated, InvalidCursor, InvalidInput)
def home_timeline(*, viewer: Viewer, page: PageRequest) -> Page[TimelineItem]:
    """Posts by the viewer and by those whom he follows, with their answers to each other and to him."""
    reader_id = viewer.must_be_known()
    timeline = Timeline(f"home:{reader_id}", partial(skeletons.home, reader_id), partial(rules.home, reader_id))
    return _rendered(viewer, scan(timeline, page))


@query(InvalidCursor, InvalidInput)
def public_timeline(*, viewer: Viewer, page: PageRequest) -> Page[TimelineItem]:
    """Public posts that begin a thread, by everybody."""
    timeline = Timeline("public", skeletons.public, partial(rules.public, viewer.user_id))
    return _remembered("public_timeline", viewer, timeline, page)


@query(InvalidCursor, InvalidInput)
def hashtag_timeline(*, viewer: Viewer, hashtag: str, page: PageRequest) -> Page[TimelineItem]:
    """Public posts and comments that carry a hashtag, in whatever spelling."""
    key = hashtag_key(hashtag.removeprefix("#"))
    if key is None:
        raise InvalidInput.at("/hashtag", "invalid", "A hashtag has letters, digits and _, and at least one letter.")
    timeline = Timeline(f"hashtag:{key}", partial(skeletons.tagged, key), partial(rules.public, viewer.user_id))
    return _remembered(f"hashtag_timeline:{key}", viewer, timeline, page)


@query(NotFound, InvalidCursor, InvalidInput)
def user_timeline(*, viewer: Viewer, user_id: int, page: PageRequest) -> Page[TimelineItem]:
    """What somebody has written, posts and comments, as far as the viewer may see it."""
    if not User.objects.visible_to(viewer.user_id).filter(pk=user_id).exists():
        raise NotFound
    timeline = Timeline(_scope(user_id), partial(skeletons.written, user_id), partial(rules.visible, viewer.user_id))
    return _rendered(viewer, scan(timeline, page))


def user_timelines_of_many(viewer: Viewer, user_ids: Iterable[int], limit: int) -> dict[int, Page[TimelineItem]]:
    """The first page of `user_timeline` of each, in one scan; an empty page for whoever is hidden."""
    asked, request = list(user_ids), PageRequest(limit=limit)
    newest = Post.objects.filter(author=OuterRef("pk"), deleted_at=None).order_by("-id").values("id")
    people = User.objects.visible_to(viewer.user_id).filter(pk__in=asked)
    rows = people.annotate(newest=ArraySubquery(newest[: candidates_for(limit)])).values_list("pk", "newest")
    candidates: dict[int, list[int]] = dict(rows)
    shown = rules.visible(viewer.user_id, [post_id for ids in candidates.values() for post_id in ids])
    scans = {}
    for user_id in asked:
        prepared = partial(_prepared, candidates.get(user_id, []))
        scans[user_id] = scan(Timeline(_scope(user_id), prepared, lambda _ids: shown), request, scans=1)
    items = _items(viewer, [post_id for each in scans.values() for post_id in each.ids])
    return {user_id: _page(each, items) for user_id, each in scans.items()}


def _prepared(ids: Sequence[int], _span: Span, _count: int) -> Sequence[int]:
    """The skeleton of which the one scan that is made has been read already."""
    return ids


def _scope(user_id: int) -> str:
    return f"user:{user_id}"


def _remembered(name: str, viewer: Viewer, timeline: Timeline, page: PageRequest) -> Page[TimelineItem]:
    """First pages look the same to all who are nobody."""
    if not viewer.is_anonymous or page.cursor is not None:
        return _rendered(viewer, scan(timeline, page))
    return caches.remembered(
        name,
        str(page.limit),
        lambda: _rendered(viewer, scan(timeline, page)),
        seconds=_KEPT_S,
        is_current=_is_current,
    )


def _is_current(page: Page[TimelineItem]) -> bool:
    """Whether all posts are still there and unchanged: Redis may have missed it, the rows have not."""
    kept = {item.post.id: item.post.version for item in page.items}
    return not kept or rules.public_versions(list(kept)) == kept


def _rendered(viewer: Viewer, found: Scan) -> Page[TimelineItem]:
    return _page(found, _items(viewer, found.ids))


def _items(viewer: Viewer, ids: Iterable[int]) -> dict[int, TimelineItem]:
    """The source: posts from Postgres. Another one may hold them rendered; who sees them is decided before."""
    return {post.id: TimelineItem(post) for post in visible_posts(viewer, ids)}


def _page(found: Scan, items: dict[int, TimelineItem]) -> Page[TimelineItem]:
    # A post that was deleted since the rules were asked is left out.
    shown = tuple(post_id for post_id in found.ids if post_id in items)
    return Page(tuple(items[post_id] for post_id in shown), shown, found.next, found.prev, found.scope)
