"""Who follows and who blocks whom, by GraphQL."""

import strawberry

from nexus.api.graphql.connections import After, Before, Connection, First, Last, Paging, connection_of
from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field, mutation
from nexus.api.graphql.ids import number_of
from nexus.api.graphql.nodes import User, user_node, user_nodes
from nexus.domain.graph import operations, queries


@strawberry.type
class GraphQueries:
    """Lists of people."""

    @field("Who follows somebody, the newest first.")
    def followers(
        self,
        info: Info,
        user_id: strawberry.ID,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[User] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.followers(viewer=viewer, user_id=number_of("User", user_id), page=paging.request())
        return connection_of(paging, page, user_nodes(viewer, page.items))

    @field("Whom somebody follows, the newest first.")
    def following(
        self,
        info: Info,
        user_id: strawberry.ID,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[User] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.following(viewer=viewer, user_id=number_of("User", user_id), page=paging.request())
        return connection_of(paging, page, user_nodes(viewer, page.items))


@strawberry.type
class GraphMutations:
    """Edges between people. Repeating one changes nothing."""

    @mutation("Reads somebody from now on.")
    def follow_user(self, info: Info, user_id: strawberry.ID) -> User | None:
        actor = info.context.viewer
        return user_node(actor, operations.follow_user(actor=actor, user_id=number_of("User", user_id)))

    @mutation("Stops reading somebody.")
    def unfollow_user(self, info: Info, user_id: strawberry.ID) -> User | None:
        actor = info.context.viewer
        return user_node(actor, operations.unfollow_user(actor=actor, user_id=number_of("User", user_id)))

    @mutation("The two do not see each other from now on, and neither follows the other.")
    def block_user(self, info: Info, user_id: strawberry.ID) -> User | None:
        actor = info.context.viewer
        return user_node(actor, operations.block_user(actor=actor, user_id=number_of("User", user_id)))

    @mutation("Takes a block back.")
    def unblock_user(self, info: Info, user_id: strawberry.ID) -> User | None:
        actor = info.context.viewer
        return user_node(actor, operations.unblock_user(actor=actor, user_id=number_of("User", user_id)))
