"""Who follows whom, newest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from nexus.domain.graph.models import Follow
from nexus.domain.users.models import User
from nexus.domain.users.queries import profiles
from nexus.domain.users.shapes import UserShape
from nexus.kernel.errors import InvalidCursor, InvalidInput, NotFound
from nexus.kernel.pages import Cursor, Page, PageRequest, next_cursor, page_of, prev_cursor
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer


@dataclass(frozen=True, slots=True)
class _Direction:
    """One of the two ways to look along an edge: from `here`, whose list it is, to `there`, who is in it."""

    name: str
    here: str
    there: str


_FOLLOWERS: Final = _Direction("followers", here="followee_id", there="follower_id")
_FOLLOWING: Final = _Direction("following", here="follower_id", there="followee_id")


@query(NotFound, InvalidCursor, InvalidInput)
def followers(*, viewer: Viewer, user_id: int, page: PageRequest) -> Page[UserShape]:
    """Who follows somebody, without those whom the viewer may not see."""
    return _page(_FOLLOWERS, viewer, user_id, page)


@query(NotFound, InvalidCursor, InvalidInput)
def following(*, viewer: Viewer, user_id: int, page: PageRequest) -> Page[UserShape]:
    """Whom somebody follows, without those whom the viewer may not see."""
    return _page(_FOLLOWING, viewer, user_id, page)


def followers_of_many(viewer: Viewer, user_ids: Iterable[int], limit: int) -> dict[int, Page[UserShape]]:
    """The first page of `followers` of each, in three statements; an empty page for whoever is hidden."""
    return _first_pages(_FOLLOWERS, viewer, set(user_ids), limit)


def following_of_many(viewer: Viewer, user_ids: Iterable[int], limit: int) -> dict[int, Page[UserShape]]:
    """The first page of `following` of each, in three statements; an empty page for whoever is hidden."""
    return _first_pages(_FOLLOWING, viewer, set(user_ids), limit)


def _page(direction: _Direction, viewer: Viewer, user_id: int, request: PageRequest) -> Page[UserShape]:
    if not User.objects.visible_to(viewer.user_id).filter(pk=user_id).exists():
        raise NotFound
    edges = page_of(
        _scope(direction, user_id), request, partial(_edges, direction, viewer, user_id), position=lambda edge: edge[0]
    )
    people = profiles(viewer, [person_id for _, person_id in edges.items])
    return edges.map(lambda edge: people[edge[1]])


def _scope(direction: _Direction, user_id: int) -> str:
    return f"{direction.name}:{user_id}"


def _visible_edges(direction: _Direction, viewer: Viewer) -> "QuerySet[Follow]":
    return Follow.objects.filter(**{f"{direction.there}__in": User.objects.visible_to(viewer.user_id).values("pk")})


def _edges(
    direction: _Direction, viewer: Viewer, user_id: int, cursor: Cursor | None, count: int
) -> Sequence[tuple[int, int]]:
    """Up to `count` edges, each with the person at its other end, nearest to the cursor first."""
    rows = _visible_edges(direction, viewer).filter(**{direction.here: user_id})
    if cursor is None:
        rows = rows.order_by("-id")
    elif cursor.is_backward:
        rows = rows.filter(id__gt=cursor.position).order_by("id")
    else:
        rows = rows.filter(id__lt=cursor.position).order_by("-id")
    return list(rows.values_list("id", direction.there)[:count])


def _first_pages(direction: _Direction, viewer: Viewer, user_ids: set[int], limit: int) -> dict[int, Page[UserShape]]:
    newest = _visible_edges(direction, viewer).filter(**{direction.here: OuterRef("pk")}).order_by("-id")
    lists = dict(
        User.objects.visible_to(viewer.user_id)
        .filter(pk__in=user_ids)
        .annotate(edges=ArraySubquery(newest.values("id")[: limit + 1]))
        .values_list("pk", "edges")
    )
    ends = dict(
        Follow.objects.filter(id__in=[edge for edges in lists.values() for edge in edges[:limit]]).values_list(
            "id", direction.there
        )
    )
    people = profiles(viewer, ends.values())
    pages = {}
    for user_id in user_ids:
        edges = lists.get(user_id, [])
        # An edge that was ended between the first statement and the second is left out.
        shown = tuple(edge for edge in edges[:limit] if edge in ends)
        pages[user_id] = Page(
            items=tuple(people[ends[edge]] for edge in shown),
            positions=shown,
            next=next_cursor(_scope(direction, user_id), None, edges[:limit], has_more=len(edges) > limit),
            prev=prev_cursor(_scope(direction, user_id), None, edges[:limit]),
            scope=_scope(direction, user_id),
        )
    return pages
