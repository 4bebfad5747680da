"""Posts as a viewer may see them. What is not for his eyes is not there, and no answer tells the difference."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from nexus.domain.posts.models import Like, Post, Visibility
from nexus.domain.posts.shapes import Mention, PostFlags, PostShape, ThreadShape
from nexus.domain.users import queries as users
from nexus.domain.users.models import User
from nexus.domain.users.shapes import UserShape
from nexus.kernel import nodes
from nexus.kernel.errors import InvalidCursor, NotFound
from nexus.kernel.ids import made_at
from nexus.kernel.pages import Cursor, Page, PageRequest, next_cursor, page_of, prev_cursor
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

ANCESTORS_MAX: Final = 50


@query(NotFound)
def post(*, viewer: Viewer, post_id: int) -> PostShape:
    """One post."""
    found = visible_posts(viewer, [post_id])
    if not found:
        raise NotFound
    return found[0]


@query(NotFound, InvalidCursor)
def thread(*, viewer: Viewer, post_id: int, page: PageRequest) -> ThreadShape:
    """A post between what it answers (the nearest 50, oldest first) and its comments, oldest first.

    What is deleted or not for the viewer's eyes leaves an empty place where something visible hangs on it.
    """
    chain = _chain_to(post_id)
    comments = page_of(_comments_scope(post_id), page, partial(_comment_ids, viewer, post_id), position=_oldest_first)
    seen = {shape.id: shape for shape in visible_posts(viewer, [*(place for place, _ in chain), *comments.items])}
    if post_id not in seen:
        raise NotFound
    return ThreadShape(
        ancestors=tuple(seen.get(place) or _empty_place(place, answers) for place, answers in chain[:-1]),
        post=seen[post_id],
        comments=comments.map(lambda place: seen.get(place) or _empty_place(place, post_id)),
    )


@query(NotFound, InvalidCursor)
def likers(*, viewer: Viewer, post_id: int, page: PageRequest) -> Page[UserShape]:
    """Who likes a post, the newest like first, without those whom the viewer may not see."""
    if not Post.objects.visible_to(viewer.user_id).filter(pk=post_id).exists():
        raise NotFound
    likes = page_of(_likers_scope(post_id), page, partial(_like_rows, viewer, post_id), position=lambda like: like[0])
    people = users.profiles(viewer, [user_id for _, user_id in likes.items])
    return likes.map(lambda like: people[like[1]])


def visible_posts(viewer: Viewer, ids: Iterable[int]) -> tuple[PostShape, ...]:
    """Those of the posts that the viewer may see, in the order of `ids`, in two statements.

    This is the *source* of every list: the rule of visibility, counters and flags are read from Postgres at each call.
    """
    wanted = list(dict.fromkeys(ids))
    rows = Post.objects.filter(pk__in=wanted).visible_to(viewer.user_id).with_flags(viewer.user_id) if wanted else ()
    found = {row.pk: row for row in rows}
    people = people_of(viewer, found.values())
    # An author who has left between the two statements takes the post along.
    kept = [found[post_id] for post_id in wanted if post_id in found and found[post_id].author_id in people]
    return tuple(shape_of(row, viewer, people) for row in kept)


def likers_of_many(viewer: Viewer, post_ids: Iterable[int], limit: int) -> dict[int, Page[UserShape]]:
    """The first page of `likers` of each, in three statements; an empty page of posts that the viewer may not see."""
    wanted = list(dict.fromkeys(post_ids))
    newest = _visible_likes(viewer).filter(post_id=OuterRef("pk")).order_by("-id").values("id")
    lists = _lists_of(viewer, wanted, newest[: limit + 1])
    shown = [like for likes in lists.values() for like in likes[:limit]]
    owners = dict(Like.objects.filter(pk__in=shown).values_list("pk", "user_id"))
    people = users.profiles(viewer, owners.values())
    pages = {}
    for post_id in wanted:
        likes = lists.get(post_id, [])
        # A like that was taken back between the first statement and the second is left out.
        kept = tuple(like for like in likes[:limit] if like in owners)
        pages[post_id] = Page(
            items=tuple(people[owners[like]] for like in kept),
            positions=kept,
            next=next_cursor(_likers_scope(post_id), None, likes[:limit], has_more=len(likes) > limit),
            prev=prev_cursor(_likers_scope(post_id), None, likes[:limit]),
            scope=_likers_scope(post_id),
        )
    return pages


def comments_of_many(viewer: Viewer, post_ids: Iterable[int], limit: int) -> dict[int, Page[PostShape]]:
    """The first page of comments of each, in three statements; an empty page of posts that the viewer may not see."""
    wanted = list(dict.fromkeys(post_ids))
    oldest = Post.objects.filter(reply_to_id=OuterRef("pk")).placed_for(viewer.user_id).order_by("id").values("id")
    lists = _lists_of(viewer, wanted, oldest[: limit + 1])
    shown = visible_posts(viewer, [place for places in lists.values() for place in places[:limit]])
    seen = {shape.id: shape for shape in shown}
    pages = {}
    for post_id in wanted:
        places = lists.get(post_id, [])
        positions = tuple(_oldest_first(place) for place in places[:limit])
        pages[post_id] = Page(
            items=tuple(seen.get(place) or _empty_place(place, post_id) for place in places[:limit]),
            positions=positions,
            next=next_cursor(_comments_scope(post_id), None, positions, has_more=len(places) > limit),
            prev=prev_cursor(_comments_scope(post_id), None, positions),
            scope=_comments_scope(post_id),
        )
    return pages


def people_of(viewer: Viewer, posts: Iterable[Post]) -> dict[int, UserShape]:
    """The authors, and those of the mentioned people whom the viewer may see."""
    wanted = {person for row in posts for person in (row.author_id, *row.mention_ids)}
    if not wanted:
        return {}
    people = User.objects.filter(pk__in=wanted).visible_to(viewer.user_id).with_relationship(viewer.user_id)
    return {person.pk: users.shape_of(person, viewer) for person in people}


def shape_of(row: Post, viewer: Viewer, people: Mapping[int, UserShape]) -> PostShape:
    """A row as the viewer sees it; unless it is new, so that nobody likes it, it comes from `with_flags`."""
    mentioned = [people[person] for person in row.mention_ids if person in people]
    return PostShape(
        id=row.pk,
        author=people[row.author_id],
        text=row.text,
        content_warning=row.content_warning,
        visibility=row.visibility,
        reply_to_id=row.reply_to_id,
        hashtags=tuple(row.hashtags),
        mentions=tuple(Mention(person.id, person.handle) for person in mentioned),
        like_count=row.like_count,
        comment_count=row.comment_count,
        created_at=row.created_at,
        edited_at=row.edited_at,
        version=row.version,
        is_deleted=False,
        viewer=None if viewer.is_anonymous else PostFlags(is_liked=getattr(row, "is_liked", False)),
    )


def _empty_place(post_id: int, reply_to_id: int | None) -> PostShape:
    """Made of the id alone, so that a deleted post and a hidden one look the same."""
    return PostShape(
        id=post_id,
        author=None,
        text="",
        content_warning="",
        visibility=Visibility.PUBLIC,
        reply_to_id=reply_to_id,
        hashtags=(),
        mentions=(),
        like_count=0,
        comment_count=0,
        created_at=made_at(post_id),
        edited_at=None,
        version=1,
        is_deleted=True,
        viewer=None,
    )


def _chain_to(post_id: int) -> list[tuple[int, int | None]]:
    """The ids of the post and of what it answers, oldest first, each with the id of what it answers itself."""
    with nodes.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE chain (id, reply_to_id, height) AS (
                SELECT id, reply_to_id, 0 FROM nexus_post WHERE id = %s
                UNION ALL
                SELECT above.id, above.reply_to_id, height + 1
                FROM chain JOIN nexus_post AS above ON above.id = chain.reply_to_id WHERE height < %s
            )
            SELECT id, reply_to_id FROM chain ORDER BY height DESC
            """,
            [post_id, ANCESTORS_MAX],
        )
        return list(cursor.fetchall())


def _comments_scope(post_id: int) -> str:
    return f"comments:{post_id}"


def _likers_scope(post_id: int) -> str:
    return f"likers:{post_id}"


def _oldest_first(post_id: int) -> int:
    """Pages run from high positions to low ones."""
    return -post_id


def _comment_ids(viewer: Viewer, post_id: int, cursor: Cursor | None, count: int) -> Sequence[int]:
    rows = Post.objects.filter(reply_to_id=post_id).placed_for(viewer.user_id)
    if cursor is None:
        rows = rows.order_by("id")
    elif cursor.is_backward:
        rows = rows.filter(pk__lt=-cursor.position).order_by("-id")
    else:
        rows = rows.filter(pk__gt=-cursor.position).order_by("id")
    return list(rows.values_list("id", flat=True)[:count])


def _visible_likes(viewer: Viewer) -> "QuerySet[Like]":
    return Like.objects.filter(user__in=User.objects.visible_to(viewer.user_id).values("pk"))


def _like_rows(viewer: Viewer, post_id: int, cursor: Cursor | None, count: int) -> Sequence[tuple[int, int]]:
    """Up to `count` likes, each with its user, nearest to the cursor first."""
    rows = _visible_likes(viewer).filter(post_id=post_id)
    if cursor is None:
        rows = rows.order_by("-id")
    elif cursor.is_backward:
        rows = rows.filter(pk__gt=cursor.position).order_by("id")
    else:
        rows = rows.filter(pk__lt=cursor.position).order_by("-id")
    return list(rows.values_list("id", "user_id")[:count])


def _lists_of(viewer: Viewer, post_ids: Iterable[int], ids: "QuerySet[Any, Any]") -> dict[int, list[int]]:
    """For each of the posts that the viewer may see, the ids that the subquery finds for it."""
    posts = Post.objects.filter(pk__in=post_ids).visible_to(viewer.user_id)
    return dict(posts.annotate(list=ArraySubquery(ids)).values_list("pk", "list"))
