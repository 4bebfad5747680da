"""How things are shown by REST: each function of api/rendering.py with the serializer that documents what it gives."""

from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from nexus.api.rendering import (
    render_item,
    render_notification,
    render_page,
    render_post,
    render_thread,
    render_user,
)
from nexus.api.rest.endpoints import Shape
from nexus.api.rest.fields import Id
from nexus.domain.notifications.models import Kind
from nexus.domain.posts.models import Visibility
from nexus.domain.posts.shapes import PostShape, ThreadShape
from nexus.domain.users.shapes import UserShape
from nexus.kernel.pages import Page

T = TypeVar("T")


class Relationship(serializers.Serializer[Any]):
    """What the viewer and the user are to each other."""

    is_following = serializers.BooleanField()
    is_followed_by = serializers.BooleanField()
    is_blocking = serializers.BooleanField()


class User(serializers.Serializer[Any]):
    """A profile. `viewer` is null without a login and for oneself."""

    id = Id()
    handle = serializers.CharField()
    display_name = serializers.CharField()
    bio = serializers.CharField()
    follower_count = serializers.IntegerField(min_value=0)
    following_count = serializers.IntegerField(min_value=0)
    post_count = serializers.IntegerField(min_value=0)
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField(min_value=1)
    viewer = Relationship(allow_null=True)


class Mention(serializers.Serializer[Any]):
    """Somebody whom the text names."""

    id = Id()
    handle = serializers.CharField()


class PostViewer(serializers.Serializer[Any]):
    """What the viewer has done with the post."""

    is_liked = serializers.BooleanField()


class Post(serializers.Serializer[Any]):
    """A post or a comment. In a thread, one that is deleted or hidden is an empty place: `is_deleted`, no author."""

    id = Id()
    author = User(allow_null=True)
    text = serializers.CharField()
    content_warning = serializers.CharField()
    visibility = serializers.ChoiceField(Visibility.choices)
    reply_to_id = Id(allow_null=True)
    hashtags = serializers.ListField(child=serializers.CharField())
    mentions = Mention(many=True)
    like_count = serializers.IntegerField(min_value=0)
    comment_count = serializers.IntegerField(min_value=0)
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(min_value=1)
    is_deleted = serializers.BooleanField()
    viewer = PostViewer(allow_null=True)


class Item(serializers.Serializer[Any]):
    """An entry of a timeline."""

    post = Post()


class Notification(serializers.Serializer[Any]):
    """What some people did. `actors` are the newest, at most 8, of `actor_count`."""

    id = Id()
    kind = serializers.ChoiceField(Kind.choices)
    actors = User(many=True)
    actor_count = serializers.IntegerField(min_value=1)
    post = Post(allow_null=True)
    created_at = serializers.DateTimeField()
    is_read = serializers.BooleanField()


class Unread(serializers.Serializer[Any]):
    """How many notifications are unread; 100 stands for 100 or more."""

    unread_count = serializers.IntegerField(min_value=0, max_value=100)


def _page_serializer(name: str, item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    members = {
        "__doc__": "A part of a list. `next` is null at its end only; `prev` finds what is newer.",
        "items": item(many=True),
        "next": serializers.CharField(allow_null=True),
        "prev": serializers.CharField(allow_null=True),
    }
    made: type[serializers.Serializer[Any]] = type(name, (serializers.Serializer,), members)
    return extend_schema_serializer(component_name=name)(made)


def page_of(shape: Shape[T], name: str) -> Shape[Page[T]]:
    """The shape of a page of things."""
    return Shape(
        render=lambda page: render_page(page, shape.render),
        serializer=_page_serializer(name, shape.serializer),
        page=lambda page: page,
    )


USER: Shape[UserShape] = Shape(render_user, User, version=lambda user: user.version)
USERS = page_of(USER, "UserPage")
POST: Shape[PostShape] = Shape(render_post, Post, version=lambda post: post.version)
POSTS = page_of(POST, "PostPage")
TIMELINE = page_of(Shape(render_item, Item), "Timeline")
NOTIFICATIONS = page_of(Shape(render_notification, Notification), "NotificationPage")
UNREAD: Shape[int] = Shape(lambda count: {"unread_count": count}, Unread)


class Thread(serializers.Serializer[Any]):
    """A post in its conversation: what it answers, oldest first, and a page of what answers it."""

    ancestors = Post(many=True)
    post = Post()
    comments = POSTS.serializer()


THREAD: Shape[ThreadShape] = Shape(render_thread, Thread, page=lambda thread: thread.comments)
