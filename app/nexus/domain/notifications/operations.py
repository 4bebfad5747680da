"""Reading notifications, and the reactions that make them: each person is told once of each thing."""

from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from nexus.domain.graph.models import Follow
from nexus.domain.notifications.models import Kind, Notification, NotificationActor
from nexus.domain.notifications.queries import unread_count
from nexus.domain.posts.models import Like, Post
from nexus.domain.users.models import User
from nexus.kernel import clock, database, live
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.use_cases import operation, reaction
from nexus.kernel.viewer import Viewer


@operation(NotAuthenticated)
def mark_notifications_read(*, actor: Viewer, up_to_id: int | None = None) -> int:
    """Marks all as read, or those up to one of them in the list's order; returns how many are unread still."""
    user_id = actor.must_be_known()
    rows = Notification.objects.filter(recipient=user_id, read_at=None)
    if up_to_id is not None:
        last = Notification.objects.filter(recipient=user_id, id=up_to_id).values("sequence")
        rows = rows.filter(sequence__lte=last)
    with database.atomic():
        rows.update(read_at=clock.now())
        return unread_count(viewer=actor)


@reaction
def notify_user_followed(*, follower_id: int, followee_id: int) -> None:
    """Tells the followee, if the follower still follows."""
    cause = Follow.objects.filter(follower=follower_id, followee=followee_id)
    _notify(followee_id, Kind.FOLLOWED, cause, actor_id=follower_id)


@reaction
def withdraw_user_followed(*, follower_id: int, followee_id: int) -> None:
    """Takes the news back, if the follower no longer follows."""
    cause = Follow.objects.filter(follower=follower_id, followee=followee_id)
    _withdraw(followee_id, Kind.FOLLOWED, cause, actor_id=follower_id)


@reaction
def notify_post_mentioned(*, post_id: int) -> None:
    """Tells those whom a post names; the author of the post that it answers is told by notify_post_replied."""
    post = _living(post_id).first()
    if post is not None:
        answered = post.reply_to.author_id if post.reply_to else None
        for recipient_id in sorted(set(post.mention_ids) - {answered}):
            _notify(recipient_id, Kind.MENTIONED, _living(post_id), actor_id=post.author_id, post_id=post_id)


@reaction
def notify_post_replied(*, post_id: int) -> None:
    """Tells the author of the post that this one answers."""
    post = _living(post_id).first()
    if post is not None and post.reply_to is not None:
        _notify(post.reply_to.author_id, Kind.REPLIED, _living(post_id), actor_id=post.author_id, post_id=post_id)


@reaction
def notify_post_liked(*, user_id: int, post_id: int) -> None:
    """Tells the author, if the post is still liked."""
    post = _living(post_id).first()
    if post is not None:
        cause = Like.objects.filter(user=user_id, post=post_id)
        _notify(post.author_id, Kind.LIKED, cause, actor_id=user_id, post_id=post_id)


@reaction
def withdraw_post_liked(*, user_id: int, post_id: int) -> None:
    """Takes the news back, if the post is no longer liked."""
    post = _living(post_id).first()
    if post is not None:
        cause = Like.objects.filter(user=user_id, post=post_id)
        _withdraw(post.author_id, Kind.LIKED, cause, actor_id=user_id, post_id=post_id)


def _living(post_id: int) -> QuerySet[Post]:
    return Post.objects.filter(id=post_id, deleted_at=None).select_related("reply_to")


def _notify(recipient_id: int, kind: Kind, cause: QuerySet[Any], *, actor_id: int, post_id: int | None = None) -> None:
    if (
        recipient_id == actor_id
        or not User.objects.visible_to(recipient_id).filter(id=actor_id).exists()
        or (post_id is not None and not Post.objects.filter(id=post_id).visible_to(recipient_id).exists())
        or not User.objects.active().filter(id=recipient_id).exists()
    ):
        return
    same = {"recipient_id": recipient_id, "kind": kind, "post_id": post_id, "actor_id": actor_id}
    with database.atomic():
        _lock_inbox(recipient_id)
        if not cause.exists() or NotificationActor.objects.filter(**same).exists():
            return
        sequence = _next_sequence(recipient_id)
        of_post = Q(post=None) if post_id is None else Q(post=post_id)
        group, is_new = Notification.objects.filter(of_post).get_or_create(
            recipient_id=recipient_id, kind=kind, read_at=None, defaults={"sequence": sequence, "post_id": post_id}
        )
        if not is_new:
            Notification.objects.filter(id=group.id).update(sequence=sequence)
        NotificationActor.objects.create(notification=group, **same)
        live.push_notification(recipient_id)


def _withdraw(
    recipient_id: int, kind: Kind, cause: QuerySet[Any], *, actor_id: int, post_id: int | None = None
) -> None:
    rows = NotificationActor.objects.filter(recipient_id=recipient_id, kind=kind, post_id=post_id, actor=actor_id)
    with database.atomic():
        _lock_inbox(recipient_id)
        if cause.exists():
            return
        groups = list(rows.values_list("notification_id", flat=True))
        rows.delete()
        for group_id in groups:
            Notification.objects.filter(id=group_id, actors=None).delete()


def _lock_inbox(recipient_id: int) -> None:
    """Until the commit nobody else tells or takes back: what happened and what was told of it are seen together.

    Else a like could find itself told already, by a line that the end of an earlier like is about to take back.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO nexus_inbox AS inbox (user_id, last_sequence) VALUES (%s, 0)"
            " ON CONFLICT (user_id) DO UPDATE SET last_sequence = inbox.last_sequence",
            [recipient_id],
        )


def _next_sequence(recipient_id: int) -> int:
    """The recipient's next number. His inbox is locked until the commit, so numbers appear in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE nexus_inbox SET last_sequence = last_sequence + 1 WHERE user_id = %s RETURNING last_sequence",
            [recipient_id],
        )
        return int(cursor.fetchone()[0])
