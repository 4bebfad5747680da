"""People by GraphQL."""

import strawberry

from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field, mutation
from nexus.api.graphql.ids import number_of
from nexus.api.graphql.nodes import User, user_node
from nexus.domain.users import operations, queries


@strawberry.input(description="What is left out stays as it is.")
class UpdateProfileInput:
    """`version` is what If-Match is by REST."""

    display_name: str | None = None
    bio: str | None = None
    version: int | None = strawberry.field(default=None, description="Only when this is still the current version.")


@strawberry.type
class UserQueries:
    """What can be asked about people."""

    @field("The viewer's own profile.")
    def me(self, info: Info) -> User | None:
        viewer = info.context.viewer
        return user_node(viewer, queries.me(viewer=viewer))

    @field("Somebody's profile, by id or by @handle.")
    def profile(self, info: Info, user: strawberry.ID) -> User | None:
        viewer = info.context.viewer
        asked = user.removeprefix("@") if user.startswith("@") else number_of("User", user)
        return user_node(viewer, queries.profile(viewer=viewer, user=asked))


@strawberry.type
class UserMutations:
    """What people change of themselves."""

    @mutation("Changes the viewer's profile.")
    def update_profile(self, info: Info, input: UpdateProfileInput) -> User | None:
        actor = info.context.viewer
        changed = operations.update_profile(
            actor=actor, display_name=input.display_name, bio=input.bio, version=input.version
        )
        return user_node(actor, changed)
