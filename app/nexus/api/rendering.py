"""Things as JSON values, one function each: what REST answers and what the live stream sends are the same."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.shapes import PostShape, ThreadShape
from nexus.domain.timelines.shapes import TimelineItem
from nexus.domain.users.shapes import UserShape
from nexus.kernel.pages import Page

T = TypeVar("T")


def moment(value: datetime | None) -> str | None:
    """RFC 3339, UTC, to the millisecond."""
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def render_user(user: UserShape) -> dict[str, Any]:
    """A user as JSON values."""
    viewer = user.viewer
    return {
        "id": str(user.id),
        "handle": user.handle,
        "display_name": user.display_name,
        "bio": user.bio,
        "follower_count": user.follower_count,
        "following_count": user.following_count,
        "post_count": user.post_count,
        "created_at": moment(user.created_at),
        "version": user.version,
        "viewer": viewer
        and {
            "is_following": viewer.is_following,
            "is_followed_by": viewer.is_followed_by,
            "is_blocking": viewer.is_blocking,
        },
    }


def render_post(post: PostShape) -> dict[str, Any]:
    """A post as JSON values."""
    return {
        "id": str(post.id),
        "author": post.author and render_user(post.author),
        "text": post.text,
        "content_warning": post.content_warning,
        "visibility": post.visibility,
        "reply_to_id": None if post.reply_to_id is None else str(post.reply_to_id),
        "hashtags": post.hashtags,
        "mentions": [{"id": str(mention.id), "handle": mention.handle} for mention in post.mentions],
        "like_count": post.like_count,
        "comment_count": post.comment_count,
        "created_at": moment(post.created_at),
        "edited_at": moment(post.edited_at),
        "version": post.version,
        "is_deleted": post.is_deleted,
        "viewer": post.viewer and {"is_liked": post.viewer.is_liked},
    }


def render_item(item: TimelineItem) -> dict[str, Any]:
    """An entry of a timeline as JSON values."""
    return {"post": render_post(item.post)}


def render_notification(notification: NotificationShape) -> dict[str, Any]:
    """A notification as JSON values."""
    return {
        "id": str(notification.id),
        "kind": notification.kind,
        "actors": [render_user(actor) for actor in notification.actors],
        "actor_count": notification.actor_count,
        "post": notification.post and render_post(notification.post),
        "created_at": moment(notification.created_at),
        "is_read": notification.is_read,
    }


def render_page(page: Page[T], render: Callable[[T], Any]) -> dict[str, Any]:
    """A page as JSON values."""
    return {"items": [render(item) for item in page.items], "next": page.next, "prev": page.prev}


def render_thread(thread: ThreadShape) -> dict[str, Any]:
    """A thread as JSON values."""
    return {
        "ancestors": [render_post(post) for post in thread.ancestors],
        "post": render_post(thread.post),
        "comments": render_page(thread.comments, render_post),
    }
