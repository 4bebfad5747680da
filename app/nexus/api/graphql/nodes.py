"""What the API shows: the domain's shapes as GraphQL types. What is made together here are siblings (see loaders)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import strawberry

from nexus.api.graphql.connections import After, Before, Below, Connection, First, Last, Paging
from nexus.api.graphql.fields import field
from nexus.api.graphql.ids import global_id
from nexus.api.graphql.loaders import Siblings
from nexus.api.graphql.scalars import NotificationKind, Visibility
from nexus.domain.graph import queries as graph
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts import queries as posts
from nexus.domain.posts.shapes import PostShape
from nexus.domain.timelines import queries as timelines
from nexus.domain.timelines import shapes as timeline_shapes
from nexus.domain.users import shapes as user_shapes
from nexus.domain.users.shapes import UserShape
from nexus.kernel.viewer import Viewer


@strawberry.interface(description="A thing that can be fetched again by its id.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(description="Names the type too, as in Post:123; 123 is the id by REST.")


@strawberry.type(description="What the viewer and the user are to each other.")
class Relationship:
    """Edges seen from the viewer."""

    is_following: bool
    is_followed_by: bool
    is_blocking: bool


@strawberry.type(description="A profile.")
class User(Node):
    """`viewer` is null without a login and for oneself."""

    shape: strawberry.Private[UserShape]
    siblings: strawberry.Private[Siblings[UserShape]]
    handle: str
    display_name: str
    bio: str
    follower_count: int
    following_count: int
    post_count: int
    created_at: datetime
    version: int
    viewer: Relationship | None = strawberry.field(description="Null without a login, and for oneself.")

    @field("As userTimeline.")
    def posts(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection["TimelineItem"] | None:
        return _WRITTEN.of(self.shape.id, self.siblings, Paging(first, after, last, before))

    @field("As the query of this name.")
    def followers(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection["User"] | None:
        return _FOLLOWERS.of(self.shape.id, self.siblings, Paging(first, after, last, before))

    @field("As the query of this name.")
    def following(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection["User"] | None:
        return _FOLLOWING.of(self.shape.id, self.siblings, Paging(first, after, last, before))


@strawberry.type(description="Somebody whom a text names.")
class Mention:
    """The id is a User's."""

    id: strawberry.ID
    handle: str


@strawberry.type(description="What the viewer has done with the post.")
class PostFlags:
    """The viewer's flags."""

    is_liked: bool


@strawberry.type(description="A post, or a comment: a post with replyToId.")
class Post(Node):
    """A deleted or hidden post in a thread is an empty place."""

    shape: strawberry.Private[PostShape]
    siblings: strawberry.Private[Siblings[PostShape]]
    author: User | None = strawberry.field(description="Null in the empty place of a deleted post only.")
    text: str
    content_warning: str
    visibility: Visibility
    reply_to_id: strawberry.ID | None
    hashtags: list[str]
    mentions: list[Mention]
    like_count: int
    comment_count: int
    created_at: datetime
    edited_at: datetime | None
    version: int
    is_deleted: bool
    viewer: PostFlags | None = strawberry.field(description="Null without a login.")

    @field("The post that this one answers; null for a post that the viewer may not see.")
    def reply_to(self) -> "Post | None":
        found = self.siblings.fetched("reply_to", lambda shapes: _answered_by(self.siblings.viewer, shapes))
        return None if self.shape.reply_to_id is None else found.get(self.shape.reply_to_id)

    @field("Its comments, oldest first, as in thread.")
    def comments(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection["Post"] | None:
        return _COMMENTS.of(self.shape.id, self.siblings, Paging(first, after, last, before))

    @field("As the query of this name.")
    def likers(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[User] | None:
        return _LIKERS.of(self.shape.id, self.siblings, Paging(first, after, last, before))


@strawberry.type(description="One entry of a timeline.")
class TimelineItem:
    """A place in a timeline."""

    post: Post


@strawberry.type(description="What some people did. actors are the newest, at most 8, of actorCount.")
class Notification:
    """A line of the inbox."""

    id: strawberry.ID
    kind: NotificationKind
    actors: list[User]
    actor_count: int
    post: Post | None
    created_at: datetime
    is_read: bool


def user_nodes(viewer: Viewer, shapes: Sequence[UserShape]) -> list[User]:
    """Users that are siblings."""
    siblings = Siblings(viewer, shapes)
    return [
        User(
            id=global_id("User", shape.id),
            shape=shape,
            siblings=siblings,
            handle=shape.handle,
            display_name=shape.display_name,
            bio=shape.bio,
            follower_count=shape.follower_count,
            following_count=shape.following_count,
            post_count=shape.post_count,
            created_at=shape.created_at,
            version=shape.version,
            viewer=None if shape.viewer is None else _relationship(shape.viewer),
        )
        for shape in shapes
    ]


def user_node(viewer: Viewer, shape: UserShape) -> User:
    """A user without siblings."""
    return user_nodes(viewer, [shape])[0]


def post_nodes(viewer: Viewer, shapes: Sequence[PostShape]) -> list[Post]:
    """Posts that are siblings; so are their authors."""
    siblings = Siblings(viewer, shapes)
    authors = _people(viewer, (shape.author for shape in shapes if shape.author))
    return [
        Post(
            id=global_id("Post", shape.id),
            shape=shape,
            siblings=siblings,
            author=None if shape.author is None else authors[shape.author.id],
            text=shape.text,
            content_warning=shape.content_warning,
            visibility=Visibility(shape.visibility),
            reply_to_id=None if shape.reply_to_id is None else global_id("Post", shape.reply_to_id),
            hashtags=list(shape.hashtags),
            mentions=[Mention(id=global_id("User", each.id), handle=each.handle) for each in shape.mentions],
            like_count=shape.like_count,
            comment_count=shape.comment_count,
            created_at=shape.created_at,
            edited_at=shape.edited_at,
            version=shape.version,
            is_deleted=shape.is_deleted,
            viewer=None if shape.viewer is None else PostFlags(is_liked=shape.viewer.is_liked),
        )
        for shape in shapes
    ]


def post_node(viewer: Viewer, shape: PostShape) -> Post:
    """A post without siblings."""
    return post_nodes(viewer, [shape])[0]


def item_nodes(viewer: Viewer, items: Sequence[timeline_shapes.TimelineItem]) -> list[TimelineItem]:
    """Entries whose posts are siblings."""
    return [TimelineItem(post=post) for post in post_nodes(viewer, [item.post for item in items])]


def notification_nodes(viewer: Viewer, shapes: Sequence[NotificationShape]) -> list[Notification]:
    """Notifications whose posts are siblings, and so are their actors."""
    people = _people(viewer, (actor for shape in shapes for actor in shape.actors))
    told = [shape.post for shape in shapes if shape.post]
    found = dict(zip((post.id for post in told), post_nodes(viewer, told), strict=True))
    return [
        Notification(
            id=global_id("Notification", shape.id),
            kind=NotificationKind(shape.kind),
            actors=[people[actor.id] for actor in shape.actors],
            actor_count=shape.actor_count,
            post=None if shape.post is None else found[shape.post.id],
            created_at=shape.created_at,
            is_read=shape.is_read,
        )
        for shape in shapes
    ]


def _relationship(shape: user_shapes.Relationship) -> Relationship:
    return Relationship(
        is_following=shape.is_following, is_followed_by=shape.is_followed_by, is_blocking=shape.is_blocking
    )


def _people(viewer: Viewer, shapes: Iterable[UserShape]) -> dict[int, User]:
    unique = {shape.id: shape for shape in shapes}
    return dict(zip(unique, user_nodes(viewer, list(unique.values())), strict=True))


def _answered_by(viewer: Viewer, shapes: Sequence[PostShape]) -> dict[int, Post]:
    found = posts.visible_posts(viewer, [shape.reply_to_id for shape in shapes if shape.reply_to_id])
    return {node.shape.id: node for node in post_nodes(viewer, found)}


_WRITTEN: Final = Below(
    "posts",
    timelines.user_timelines_of_many,
    lambda viewer, user_id, page: timelines.user_timeline(viewer=viewer, user_id=user_id, page=page),
    item_nodes,
)
_FOLLOWERS: Final = Below(
    "followers",
    graph.followers_of_many,
    lambda viewer, user_id, page: graph.followers(viewer=viewer, user_id=user_id, page=page),
    user_nodes,
)
_FOLLOWING: Final = Below(
    "following",
    graph.following_of_many,
    lambda viewer, user_id, page: graph.following(viewer=viewer, user_id=user_id, page=page),
    user_nodes,
)
_COMMENTS: Final = Below(
    "comments",
    posts.comments_of_many,
    lambda viewer, post_id, page: posts.thread(viewer=viewer, post_id=post_id, page=page).comments,
    post_nodes,
)
_LIKERS: Final = Below(
    "likers",
    posts.likers_of_many,
    lambda viewer, post_id, page: posts.likers(viewer=viewer, post_id=post_id, page=page),
    user_nodes,
)
