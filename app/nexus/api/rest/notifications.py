"""Notifications by REST."""

from nexus.api.rest import shapes
from nexus.api.rest.endpoints import Call, reads, writes
from nexus.api.rest.fields import Body, Id
from nexus.domain.notifications import operations, queries
from nexus.domain.notifications.shapes import NotificationShape
from nexus.kernel.pages import Page


@reads(queries.notifications, shows=shapes.NOTIFICATIONS)
def notifications(call: Call) -> Page[NotificationShape]:
    return queries.notifications(viewer=call.viewer, page=call.page)


@reads(queries.unread_count, shows=shapes.UNREAD)
def unread_count(call: Call) -> int:
    return queries.unread_count(viewer=call.viewer)


class MarkNotificationsRead(Body):
    """What has been seen; without `up_to_id` everything."""

    up_to_id = Id(required=False, allow_null=True)


@writes(operations.mark_notifications_read, body=MarkNotificationsRead, shows=shapes.UNREAD)
def mark_notifications_read(call: Call) -> int:
    return operations.mark_notifications_read(actor=call.viewer, **call.body)
