"""What a timeline is made of."""

from dataclasses import dataclass

from nexus.domain.posts.shapes import PostShape


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One entry of a timeline."""

    post: PostShape
