"""Profiles."""

import re
from collections.abc import Iterable

from nexus.domain.users.models import HANDLE_PATTERN, User
from nexus.domain.users.shapes import Relationship, UserShape
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer


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
    if isinstance(user, str) and not re.fullmatch(HANDLE_PATTERN, user.lower()):
        raise NotFound
    people = User.objects.filter(pk=user) if isinstance(user, int) else User.objects.filter(handle=user.lower())
    found = people.reachable_by(viewer.user_id).with_relationship(viewer.user_id).first()
    if found is None:
        raise NotFound
    return shape_of(found, viewer)


def profiles(viewer: Viewer, ids: Iterable[int]) -> dict[int, UserShape]:
    """The profiles of all who exist among `ids`, in one statement.

    No rule is applied: the caller has let a rule choose the ids (such as `UserQuerySet.visible_to`).
    """
    wanted = set(ids)
    if not wanted:
        return {}
    people = User.objects.filter(pk__in=wanted).with_relationship(viewer.user_id)
    return {user.pk: shape_of(user, viewer) for user in people}


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


def _relationship(user: User) -> Relationship:
    return Relationship(
        is_following=getattr(user, "is_following"),  # noqa: B009  (annotated, so unknown to the type checker)
        is_followed_by=getattr(user, "is_followed_by"),  # noqa: B009
        is_blocking=getattr(user, "is_blocking"),  # noqa: B009
    )
