"""Follow and block. Each locks both people first, lower id first: two of them never wait for each other in a circle."""

from dataclasses import dataclass

from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import Combinable

from nexus.domain.graph.errors import OwnAccount, UserIsBlocked
from nexus.domain.graph.events import UserBlocked, UserFollowed, UserUnblocked, UserUnfollowed
from nexus.domain.graph.models import Block, Follow
from nexus.domain.users import queries as users
from nexus.domain.users.models import User
from nexus.domain.users.shapes import UserShape
from nexus.kernel import database, outbox
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.use_cases import operation
from nexus.kernel.viewer import Viewer


@operation(NotAuthenticated, NotFound, OwnAccount, UserIsBlocked)
def follow_user(*, actor: Viewer, user_id: int) -> UserShape:
    """The actor reads the user from now on. Repeating it changes nothing."""
    with database.atomic():
        pair = _lock_pair(actor, user_id)
        if pair.is_blocking:
            raise UserIsBlocked
        if not pair.is_following:
            Follow.objects.create(follower_id=pair.actor_id, followee_id=user_id)
            _count(following={pair.actor_id: 1}, followers={user_id: 1}, changed_feeds=[pair.actor_id])
            outbox.publish(UserFollowed(follower_id=pair.actor_id, followee_id=user_id))
        return users.profile(viewer=actor, user=user_id)


@operation(NotAuthenticated, NotFound, OwnAccount)
def unfollow_user(*, actor: Viewer, user_id: int) -> UserShape:
    """The actor stops reading the user. Repeating it changes nothing."""
    with database.atomic():
        pair = _lock_pair(actor, user_id)
        if pair.is_following:
            Follow.objects.filter(follower_id=pair.actor_id, followee_id=user_id).delete()
            _count(following={pair.actor_id: -1}, followers={user_id: -1}, changed_feeds=[pair.actor_id])
            outbox.publish(UserUnfollowed(follower_id=pair.actor_id, followee_id=user_id))
        return users.profile(viewer=actor, user=user_id)


@operation(NotAuthenticated, NotFound, OwnAccount)
def block_user(*, actor: Viewer, user_id: int) -> UserShape:
    """The two do not see each other from now on, and neither follows the other. Repeating it changes nothing."""
    with database.atomic():
        pair = _lock_pair(actor, user_id)
        if not pair.is_blocking:
            Block.objects.create(blocker_id=pair.actor_id, blocked_id=user_id)
            _end_follows(pair)
            outbox.publish(UserBlocked(blocker_id=pair.actor_id, blocked_id=user_id))
        return users.profile(viewer=actor, user=user_id)


@operation(NotAuthenticated, NotFound, OwnAccount)
def unblock_user(*, actor: Viewer, user_id: int) -> UserShape:
    """Takes a block back; the follows that it ended do not return. Repeating it changes nothing."""
    with database.atomic():
        pair = _lock_pair(actor, user_id)
        if pair.is_blocking:
            Block.objects.filter(blocker_id=pair.actor_id, blocked_id=user_id).delete()
            _count(changed_feeds=[pair.actor_id, user_id])
            outbox.publish(UserUnblocked(blocker_id=pair.actor_id, blocked_id=user_id))
        return users.profile(viewer=actor, user=user_id)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What the actor and the user are to each other while both rows are locked, so that nobody changes it."""

    actor_id: int
    user_id: int
    is_following: bool
    is_followed_by: bool
    is_blocking: bool


def _lock_pair(actor: Viewer, user_id: int) -> _Pair:
    """Raises NotFound for whoever is not there, is deactivated or blocks the actor: the answers are the same."""
    actor_id = actor.must_be_known()
    if actor_id == user_id:
        raise OwnAccount
    both = User.objects.filter(pk__in=[actor_id, user_id]).order_by("pk").select_for_update(no_key=True)
    locked = dict(both.values_list("pk", "is_active"))
    if not locked.get(actor_id):
        raise NotAuthenticated
    # A statement of its own: one that waits for a lock reads the edges as they were before it waited.
    shape = users.profiles(actor, [user_id]).get(user_id)
    is_blocked = Block.objects.filter(blocker_id=user_id, blocked_id=actor_id).exists()
    if shape is None or shape.viewer is None or is_blocked or not locked[user_id]:
        raise NotFound
    now = shape.viewer
    return _Pair(actor_id, user_id, now.is_following, now.is_followed_by, now.is_blocking)


def _end_follows(pair: _Pair) -> None:
    made, received = int(pair.is_following), int(pair.is_followed_by)
    Follow.objects.filter(
        Q(follower_id=pair.actor_id, followee_id=pair.user_id) | Q(follower_id=pair.user_id, followee_id=pair.actor_id)
    ).delete()
    _count(
        following={pair.actor_id: -made, pair.user_id: -received},
        followers={pair.actor_id: -received, pair.user_id: -made},
        changed_feeds=[pair.actor_id, pair.user_id],
    )


def _count(
    *, changed_feeds: list[int], following: dict[int, int] | None = None, followers: dict[int, int] | None = None
) -> None:
    """Changes the counters of people whom `_lock_pair` has locked, and abandons their feeds, in one statement."""
    following, followers = following or {}, followers or {}
    users.abandon_profiles(*following, *followers)
    User.objects.filter(pk__in={*following, *followers, *changed_feeds}).update(
        following_count=_plus("following_count", following),
        follower_count=_plus("follower_count", followers),
        feed_epoch=_plus("feed_epoch", dict.fromkeys(changed_feeds, 1)),
    )


def _plus(counter: str, by_user: dict[int, int]) -> Combinable:
    amounts = [When(pk=user_id, then=Value(amount)) for user_id, amount in by_user.items() if amount]
    return F(counter) + Case(*amounts, default=Value(0)) if amounts else F(counter)
