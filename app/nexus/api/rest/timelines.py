"""Timelines by REST."""

from nexus.api.rest import shapes
from nexus.api.rest.endpoints import Call, reads
from nexus.domain.timelines import queries
from nexus.domain.timelines.shapes import TimelineItem
from nexus.kernel.pages import Page


@reads(queries.home_timeline, shows=shapes.TIMELINE)
def home_timeline(call: Call) -> Page[TimelineItem]:
    return queries.home_timeline(viewer=call.viewer, page=call.page)


@reads(queries.public_timeline, shows=shapes.TIMELINE)
def public_timeline(call: Call) -> Page[TimelineItem]:
    return queries.public_timeline(viewer=call.viewer, page=call.page)


@reads(queries.hashtag_timeline, shows=shapes.TIMELINE)
def hashtag_timeline(call: Call, hashtag: str) -> Page[TimelineItem]:
    return queries.hashtag_timeline(viewer=call.viewer, hashtag=hashtag, page=call.page)


@reads(queries.user_timeline, shows=shapes.TIMELINE)
def user_timeline(call: Call, user_id: int) -> Page[TimelineItem]:
    return queries.user_timeline(viewer=call.viewer, user_id=user_id, page=call.page)
