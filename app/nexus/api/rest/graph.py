"""Who follows and who blocks whom."""

from nexus.api.rest.endpoints import Call, reads, writes
from nexus.api.rest.shapes import USER, USERS
from nexus.domain.graph import operations, queries
from nexus.domain.users.shapes import UserShape
from nexus.kernel.pages import Page


@writes(operations.follow_user, shows=USER)
def follow_user(call: Call, user_id: int) -> UserShape:
    """PUT /users/{id}/follow."""
    return operations.follow_user(actor=call.viewer, user_id=user_id)


@writes(operations.unfollow_user, shows=USER)
def unfollow_user(call: Call, user_id: int) -> UserShape:
    """DELETE /users/{id}/follow."""
    return operations.unfollow_user(actor=call.viewer, user_id=user_id)


@writes(operations.block_user, shows=USER)
def block_user(call: Call, user_id: int) -> UserShape:
    """PUT /users/{id}/block."""
    return operations.block_user(actor=call.viewer, user_id=user_id)


@writes(operations.unblock_user, shows=USER)
def unblock_user(call: Call, user_id: int) -> UserShape:
    """DELETE /users/{id}/block."""
    return operations.unblock_user(actor=call.viewer, user_id=user_id)


@reads(queries.followers, shows=USERS)
def followers(call: Call, user_id: int) -> Page[UserShape]:
    """GET /users/{id}/followers."""
    return queries.followers(viewer=call.viewer, user_id=user_id, page=call.page)


@reads(queries.following, shows=USERS)
def following(call: Call, user_id: int) -> Page[UserShape]:
    """GET /users/{id}/following."""
    return queries.following(viewer=call.viewer, user_id=user_id, page=call.page)
