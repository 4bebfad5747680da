"""The GraphQL schema: each use-case is one field at the root, in camelCase."""

import re
from typing import Final

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import Marks, field
from nexus.api.graphql.graph import GraphMutations, GraphQueries
from nexus.api.graphql.identity import IdentityMutations
from nexus.api.graphql.ids import kind_of, number_of
from nexus.api.graphql.instance import InstanceQueries
from nexus.api.graphql.nodes import Node, post_node, user_node
from nexus.api.graphql.notifications import NotificationMutations, NotificationQueries
from nexus.api.graphql.posts import PostMutations, PostQueries
from nexus.api.graphql.scalars import CONFIG
from nexus.api.graphql.status import StatusQueries
from nexus.api.graphql.timelines import TimelineQueries
from nexus.api.graphql.users import UserMutations, UserQueries
from nexus.domain.posts import queries as posts
from nexus.domain.users import queries as users
from nexus.kernel.errors import NotFound

# At the root without being a use-case: Relay's way to fetch a thing again.
BESIDE_USE_CASES: Final = frozenset({"node"})


@strawberry.type(description="What can be asked. A field that fails is null and leaves the others alone.")
class Query(
    UserQueries, GraphQueries, PostQueries, TimelineQueries, NotificationQueries, InstanceQueries, StatusQueries
):
    """The queries of all domains."""

    @field("The thing with this id; null when there is none for the viewer's eyes.")
    def node(self, info: Info, id: strawberry.ID) -> Node | None:
        viewer = info.context.viewer
        try:
            match kind_of(id):
                case "User":
                    return user_node(viewer, users.profile(viewer=viewer, user=number_of("User", id)))
                case "Post":
                    return post_node(viewer, posts.post(viewer=viewer, post_id=number_of("Post", id)))
                case "Notification":
                    return None  # it is read in its list only
        except NotFound:
            return None


@strawberry.type(description="What can be done: one field in a document, done whole or not at all.")
class Mutation(IdentityMutations, UserMutations, GraphMutations, PostMutations, NotificationMutations):
    """The operations of all domains."""


SCHEMA: Final = strawberry.Schema(query=Query, mutation=Mutation, config=CONFIG)
# What graphql-core runs: its functions are called without strawberry's wrapping of each request.
CORE: Final[GraphQLSchema] = SCHEMA._schema

# The use-case behind each field at the root; their words are the same, in two ways of writing them.
USE_CASES: Final[dict[str, str]] = {
    name: re.sub(r"(?=[A-Z])", "_", name).lower()
    for root in (CORE.query_type, CORE.mutation_type)
    if root is not None
    for name in root.fields
    if name not in BESIDE_USE_CASES
}


def print_contract() -> str:
    """The schema as it is committed to app/contracts/schema.graphql."""
    return SCHEMA.as_str().strip() + "\n"


def marks_of(field: str) -> Marks:
    """What is special about a mutation."""
    definition = CORE.mutation_type.fields.get(field) if CORE.mutation_type else None
    found = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if definition else None
    marks = found.metadata.get("marks") if isinstance(found, StrawberryField) else None
    return marks if isinstance(marks, Marks) else Marks()
