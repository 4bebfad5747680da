"""What a recipient may see of what others did."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from nexus.domain.notifications.models import Inbox, Notification, NotificationActor
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.models import Post
from nexus.domain.posts.queries import visible_posts
from nexus.domain.users.models import User
from nexus.domain.users.queries import profiles
from nexus.kernel import nodes
from nexus.kernel.errors import InvalidCursor, NotAuthenticated
from nexus.kernel.pages import Cursor, Page, PageRequest, page_of
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

ACTORS_SHOWN: Final = 8
UNREAD_MAX: Final = 100


@query(NotAuthenticated, InvalidCursor)
def notifications(*, viewer: Viewer, page: PageRequest) -> Page[NotificationShape]:
    """The viewer's notifications, the one that changed last first."""
    user_id = viewer.must_be_known()

    def fetch(cursor: Cursor | None, count: int) -> Sequence[NotificationShape]:
        rows = _visible_to(user_id)
        if cursor is not None and cursor.is_backward:
            return _shapes(viewer, rows.filter(sequence__gt=cursor.position).order_by("sequence")[:count])
        if cursor is not None:
            rows = rows.filter(sequence__lt=cursor.position)
        return _shapes(viewer, rows.order_by("-sequence")[:count])

    return page_of("notifications", page, fetch, lambda notification: notification.sequence)


@query(NotAuthenticated)
def unread_count(*, viewer: Viewer) -> int:
    """How many notifications the viewer has not read; counting stops at 100."""
    return _visible_to(viewer.must_be_known()).filter(read_at=None)[:UNREAD_MAX].count()


def notifications_since(recipient_id: int, sequence: int, limit: int) -> tuple[NotificationShape, ...]:
    """What came after `sequence`, in the order in which it was committed: the live stream's replay."""
    rows = _visible_to(recipient_id).filter(sequence__gt=sequence).order_by("sequence")[:limit]
    return tuple(_shapes(Viewer(user_id=recipient_id), rows))


def last_sequence(recipient_id: int) -> int:
    """Where the recipient's inbox stands; 0 before the first notification."""
    return Inbox.objects.filter(user=recipient_id).values_list("last_sequence", flat=True).first() or 0


def _visible_to(user_id: int) -> QuerySet[Notification]:
    actor = User.objects.filter(id=OuterRef("actor_id")).visible_to(user_id)
    somebody = NotificationActor.objects.filter(Exists(actor), notification=OuterRef("pk"))
    post = Post.objects.filter(id=OuterRef("post_id")).visible_to(user_id)
    return Notification.objects.filter(Q(post=None) | Exists(post), Exists(somebody), recipient=user_id)


def _shapes(viewer: Viewer, rows: QuerySet[Notification]) -> list[NotificationShape]:
    found = list(rows)
    actors = _actors(viewer, [row.id for row in found])
    people = profiles(viewer, {actor for ids, _ in actors.values() for actor in ids})
    posts = {post.id: post for post in visible_posts(viewer, [row.post_id for row in found if row.post_id])}
    return [
        NotificationShape(
            id=row.id,
            kind=row.kind,
            actors=tuple(people[actor] for actor in actors[row.id][0]),
            actor_count=actors[row.id][1],
            post=posts.get(row.post_id) if row.post_id else None,
            created_at=row.created_at,
            is_read=row.read_at is not None,
            sequence=row.sequence,
        )
        for row in found
        # Between two statements somebody may have gone.
        if row.id in actors and (row.post_id is None or row.post_id in posts)
    ]


def _actors(viewer: Viewer, notification_ids: Sequence[int]) -> dict[int, tuple[list[int], int]]:
    """For each notification the newest actors whom the viewer may see, and how many there are."""
    if not notification_ids:
        return {}
    visible = User.objects.visible_to(viewer.user_id)
    rows = NotificationActor.objects.filter(notification__in=notification_ids, actor__in=visible)
    sql, parameters = rows.order_by().values("notification_id", "actor_id", "id").query.sql_with_params()
    found: dict[int, tuple[list[int], int]] = {}
    with nodes.cursor() as cursor:
        cursor.execute(
            "SELECT notification_id, actor_id, total FROM ("  # noqa: S608  # what is put in is Django's own statement
            " SELECT notification_id, actor_id, id,"
            " row_number() OVER (PARTITION BY notification_id ORDER BY id DESC) AS place,"
            f" count(*) OVER (PARTITION BY notification_id) AS total FROM ({sql}) AS seen"
            ") AS ranked WHERE place <= %s ORDER BY notification_id, place",
            [*parameters, ACTORS_SHOWN],
        )
        for notification_id, actor_id, total in cursor.fetchall():
            found.setdefault(notification_id, ([], total))[0].append(actor_id)
    return found
