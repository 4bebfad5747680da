"""Notifications by GraphQL."""

import strawberry

from nexus.api.graphql.connections import After, Before, Connection, First, Last, Paging, connection_of
from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field, mutation
from nexus.api.graphql.ids import number_in
from nexus.api.graphql.nodes import Notification, notification_nodes
from nexus.domain.notifications import operations, queries


@strawberry.type
class NotificationQueries:
    """The viewer's inbox."""

    @field("The viewer's notifications, the one that changed last first.")
    def notifications(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Notification] | None:
        viewer, paging = info.context.viewer, Paging(first, after, last, before)
        page = queries.notifications(viewer=viewer, page=paging.request())
        return connection_of(paging, page, notification_nodes(viewer, page.items))

    @field("How many notifications are unread; 100 stands for 100 or more.")
    def unread_count(self, info: Info) -> int | None:
        return queries.unread_count(viewer=info.context.viewer)


@strawberry.type
class NotificationMutations:
    """What is done with the inbox."""

    @mutation("Marks all as read, or those up to one of them; gives how many are unread still.")
    def mark_notifications_read(self, info: Info, up_to_id: strawberry.ID | None = None) -> int | None:
        last = number_in("Notification", up_to_id, "/up_to_id")
        return operations.mark_notifications_read(actor=info.context.viewer, up_to_id=last)
