"""Profiles."""

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from nexus.domain.users.models import HANDLE_PATTERN, User, UserQuerySet
from nexus.domain.users.shapes import Relationship, UserShape
from nexus.kernel import caches
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

T = TypeVar("T")

# Abandoned at once by whatever changes a profile; this is for how long a Redis that missed it could be wrong.
_KEPT_S: Final = 10


@query(NotAuthenticated)
def me(*, viewer: Viewer) -> UserShape:
    """The viewer's own profile."""
    user = User.objects.active().filter(pk=viewer.must_be_known()).first()
    if user is None:
        raise NotAuthenticated
    return shape_of(user, viewer)


@query(NotFound)
def profile(*, viewer: Viewer, user: int | str) -> UserShape:
    """Somebody's profile, by id or by handle (without @, in any case)."""
    if isinstance(user, str):
        user = user.lower()
        if not re.fullmatch(HANDLE_PATTERN, user):
            raise NotFound
    if viewer.is_anonymous:
        user_id = _id_of(user) if isinstance(user, str) else user
        return _remembered("profile", user_id, lambda: _reachable(viewer, User.objects.filter(pk=user_id)))
    people = User.objects.filter(handle=user) if isinstance(user, str) else User.objects.filter(pk=user)
    return _reachable(viewer, people)


def profiles(viewer: Viewer, ids: Iterable[int]) -> dict[int, UserShape]:
    """The profiles of all who exist among `ids`, in one statement.

    No rule is applied: the caller has let a rule choose the ids (such as `UserQuerySet.visible_to`).
    """
    wanted = set(ids)
    if not wanted:
        return {}
    people = User.objects.filter(pk__in=wanted).with_relationship(viewer.user_id)
    return {user.pk: shape_of(user, viewer) for user in people}


def abandon_profiles(*user_ids: int) -> None:
    """What nobody in particular sees of these people has changed; to be called in the transaction of the change."""
    caches.abandon(*(f"profile:{user_id}" for user_id in user_ids))


def shape_of(user: User, viewer: Viewer) -> UserShape:
    """A row as the viewer sees it; unless it is his own, it comes from `with_relationship`."""
    return UserShape(
        id=user.pk,
        handle=user.handle,
        display_name=user.display_name,
        bio=user.bio,
        follower_count=user.follower_count,
        following_count=user.following_count,
        post_count=user.post_count,
        created_at=user.created_at,
        version=user.version,
        viewer=None if viewer.user_id in (None, user.pk) else _relationship(user),
    )


def _reachable(viewer: Viewer, people: UserQuerySet) -> UserShape:
    found = people.reachable_by(viewer.user_id).with_relationship(viewer.user_id).first()
    if found is None:
        raise NotFound
    return shape_of(found, viewer)


def _id_of(handle: str) -> int:
    """A handle stays with its account, so nothing ever has to abandon this."""
    return _remembered("handle", handle, lambda: _id_in_database(handle))


def _id_in_database(handle: str) -> int:
    user_id = User.objects.filter(handle=handle).values_list("pk", flat=True).first()
    if user_id is None:
        raise NotFound
    return int(user_id)


def _remembered(kind: str, key: int | str, compute: Callable[[], T]) -> T:
    return caches.remembered(f"{kind}:{key}", "", compute, seconds=_KEPT_S, is_current=lambda _: True)


def _relationship(user: User) -> Relationship:
    return Relationship(
        is_following=getattr(user, "is_following"),  # noqa: B009  (annotated, so unknown to the type checker)
        is_followed_by=getattr(user, "is_followed_by"),  # noqa: B009
        is_blocking=getattr(user, "is_blocking"),  # noqa: B009
    )
