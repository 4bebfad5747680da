"""Timelines by GraphQL."""

import strawberry

from nexus.api.graphql.connections import After, Before, Connection, First, Last, Paging, connection_of
from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field
from nexus.api.graphql.ids import number_of
from nexus.api.graphql.nodes import TimelineItem, item_nodes
from nexus.domain.timelines import queries


@strawberry.type
class TimelineQueries:
    """Newest first; they never end early and leave nothing out."""

    @field("Posts by the viewer and by those whom the viewer follows.")
    def home_timeline(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[TimelineItem] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.home_timeline(viewer=viewer, page=paging.request())
        return connection_of(paging, page, item_nodes(viewer, page.items))

    @field("Public posts that begin a thread, by everybody.")
    def public_timeline(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[TimelineItem] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.public_timeline(viewer=viewer, page=paging.request())
        return connection_of(paging, page, item_nodes(viewer, page.items))

    @field("Public posts and comments that carry a hashtag, in whatever spelling.")
    def hashtag_timeline(
        self,
        info: Info,
        hashtag: str,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TimelineItem] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.hashtag_timeline(viewer=viewer, hashtag=hashtag, page=paging.request())
        return connection_of(paging, page, item_nodes(viewer, page.items))

    @field("What somebody has written, as far as the viewer may see it.")
    def user_timeline(
        self,
        info: Info,
        user_id: strawberry.ID,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TimelineItem] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.user_timeline(viewer=viewer, user_id=number_of("User", user_id), page=paging.request())
        return connection_of(paging, page, item_nodes(viewer, page.items))
