"""People."""

from nexus.api.rest.endpoints import Call, reads, writes
from nexus.api.rest.fields import Body, Text
from nexus.api.rest.shapes import USER
from nexus.domain.users import operations, queries
from nexus.domain.users.models import BIO_MAX, DISPLAY_NAME_MAX
from nexus.domain.users.shapes import UserShape
from nexus.kernel.text import LINE_PATTERN, TEXT_PATTERN


class UpdateProfile(Body):
    """What is left out stays as it is."""

    display_name = Text(max_length=DISPLAY_NAME_MAX, pattern=LINE_PATTERN, required=False)
    bio = Text(max_length=BIO_MAX, pattern=TEXT_PATTERN, required=False)


@reads(queries.me, shows=USER)
def me(call: Call) -> UserShape:
    """GET /me."""
    return queries.me(viewer=call.viewer)


@writes(operations.update_profile, body=UpdateProfile, shows=USER)
def update_profile(call: Call) -> UserShape:
    """PATCH /me."""
    return operations.update_profile(actor=call.viewer, version=call.if_match, **call.body)


@reads(queries.profile, shows=USER)
def profile(call: Call, user: int | str) -> UserShape:
    """GET /users/{id or @name}."""
    return queries.profile(viewer=call.viewer, user=user)
