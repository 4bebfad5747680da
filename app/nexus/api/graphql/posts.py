"""Posts, their threads and their likes, by GraphQL."""

import strawberry

from nexus.api.graphql.connections import After, Before, Connection, First, Last, Paging, connection_of
from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field, mutation
from nexus.api.graphql.ids import number_in, number_of
from nexus.api.graphql.nodes import Post, User, post_node, post_nodes, user_nodes
from nexus.api.graphql.scalars import Visibility
from nexus.domain.posts import operations, queries


@strawberry.type(description="A post in its conversation.")
class Thread:
    """What it answers, oldest first, and what answers it."""

    ancestors: list[Post]
    post: Post
    comments: Connection[Post]


@strawberry.input(description="A post; with replyToId, a comment.")
class PublishPostInput:
    """As the body of POST /posts."""

    text: str
    visibility: Visibility = Visibility.public
    reply_to_id: strawberry.ID | None = None
    content_warning: str = ""


@strawberry.input(description="What is left out stays as it is.")
class EditPostInput:
    """`version` is what If-Match is by REST."""

    post_id: strawberry.ID
    text: str | None = None
    content_warning: str | None = None
    version: int | None = strawberry.field(default=None, description="Only when this is still the current version.")


@strawberry.type
class PostQueries:
    """What can be asked about posts."""

    @field("One post.")
    def post(self, info: Info, post_id: strawberry.ID) -> Post | None:
        viewer = info.context.viewer
        return post_node(viewer, queries.post(viewer=viewer, post_id=number_of("Post", post_id)))

    @field("A post between what it answers and a page of its comments, oldest first.")
    def thread(
        self,
        info: Info,
        post_id: strawberry.ID,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Thread | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        found = queries.thread(viewer=viewer, post_id=number_of("Post", post_id), page=paging.request())
        *ancestors, post = post_nodes(viewer, [*found.ancestors, found.post])
        comments = connection_of(paging, found.comments, post_nodes(viewer, found.comments.items))
        return Thread(ancestors=ancestors, post=post, comments=comments)

    @field("Who likes a post, the newest like first.")
    def likers(
        self,
        info: Info,
        post_id: strawberry.ID,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[User] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.likers(viewer=viewer, post_id=number_of("Post", post_id), page=paging.request())
        return connection_of(paging, page, user_nodes(viewer, page.items))


@strawberry.type
class PostMutations:
    """What people do with posts."""

    @mutation("Writes a post or a comment.")
    def publish_post(self, info: Info, input: PublishPostInput) -> Post | None:
        actor = info.context.viewer
        written = operations.publish_post(
            actor=actor,
            text=input.text,
            visibility=input.visibility.value,
            reply_to_id=number_in("Post", input.reply_to_id, "/reply_to_id"),
            content_warning=input.content_warning,
        )
        return post_node(actor, written)

    @mutation("Changes the viewer's own post.")
    def edit_post(self, info: Info, input: EditPostInput) -> Post | None:
        actor = info.context.viewer
        edited = operations.edit_post(
            actor=actor,
            post_id=number_of("Post", input.post_id),
            text=input.text,
            content_warning=input.content_warning,
            version=input.version,
        )
        return post_node(actor, edited)

    @mutation("Takes a post away; what answers it stays. True when it is done.")
    def delete_post(self, info: Info, post_id: strawberry.ID) -> bool | None:
        operations.delete_post(actor=info.context.viewer, post_id=number_of("Post", post_id))
        return True

    @mutation("Likes a post. Repeating it changes nothing.")
    def like_post(self, info: Info, post_id: strawberry.ID) -> Post | None:
        actor = info.context.viewer
        return post_node(actor, operations.like_post(actor=actor, post_id=number_of("Post", post_id)))

    @mutation("Takes a like back. Repeating it changes nothing.")
    def unlike_post(self, info: Info, post_id: strawberry.ID) -> Post | None:
        actor = info.context.viewer
        return post_node(actor, operations.unlike_post(actor=actor, post_id=number_of("Post", post_id)))
