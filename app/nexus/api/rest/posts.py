"""Posts, their threads and their likes."""

from nexus.api.rest.endpoints import Call, reads, writes
from nexus.api.rest.fields import Body, Choice, Id, Text
from nexus.api.rest.shapes import POST, THREAD, USERS
from nexus.domain.posts import operations, queries
from nexus.domain.posts.models import CONTENT_WARNING_MAX, TEXT_MAX, Visibility
from nexus.domain.posts.shapes import PostShape, ThreadShape
from nexus.domain.users.shapes import UserShape
from nexus.kernel.pages import Page
from nexus.kernel.text import LINE_PATTERN, TEXT_PATTERN


class PublishPost(Body):
    """A post; with `reply_to_id`, a comment."""

    text = Text(min_length=1, max_length=TEXT_MAX, pattern=TEXT_PATTERN)
    visibility = Choice(Visibility.choices, required=False)
    reply_to_id = Id(required=False, allow_null=True)
    content_warning = Text(max_length=CONTENT_WARNING_MAX, pattern=LINE_PATTERN, required=False)


class EditPost(Body):
    """What is left out stays as it is."""

    text = Text(min_length=1, max_length=TEXT_MAX, pattern=TEXT_PATTERN, required=False)
    content_warning = Text(max_length=CONTENT_WARNING_MAX, pattern=LINE_PATTERN, required=False)


@writes(operations.publish_post, body=PublishPost, shows=POST, status=201, location="posts/{id}")
def publish_post(call: Call) -> PostShape:
    """POST /posts."""
    return operations.publish_post(actor=call.viewer, **call.body)


@reads(queries.post, shows=POST)
def post(call: Call, post_id: int) -> PostShape:
    """GET /posts/{id}."""
    return queries.post(viewer=call.viewer, post_id=post_id)


@writes(operations.edit_post, body=EditPost, shows=POST)
def edit_post(call: Call, post_id: int) -> PostShape:
    """PATCH /posts/{id}."""
    return operations.edit_post(actor=call.viewer, post_id=post_id, version=call.if_match, **call.body)


@writes(operations.delete_post)
def delete_post(call: Call, post_id: int) -> None:
    """DELETE /posts/{id}."""
    operations.delete_post(actor=call.viewer, post_id=post_id)


@reads(queries.thread, shows=THREAD)
def thread(call: Call, post_id: int) -> ThreadShape:
    """GET /posts/{id}/thread."""
    return queries.thread(viewer=call.viewer, post_id=post_id, page=call.page)


@writes(operations.like_post, shows=POST)
def like_post(call: Call, post_id: int) -> PostShape:
    """PUT /posts/{id}/like."""
    return operations.like_post(actor=call.viewer, post_id=post_id)


@writes(operations.unlike_post, shows=POST)
def unlike_post(call: Call, post_id: int) -> PostShape:
    """DELETE /posts/{id}/like."""
    return operations.unlike_post(actor=call.viewer, post_id=post_id)


@reads(queries.likers, shows=USERS)
def likers(call: Call, post_id: int) -> Page[UserShape]:
    """GET /posts/{id}/likers."""
    return queries.likers(viewer=call.viewer, post_id=post_id, page=call.page)
