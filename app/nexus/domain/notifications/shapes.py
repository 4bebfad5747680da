"""A notification as its recipient sees it."""

from dataclasses import dataclass
from datetime import datetime

from nexus.domain.posts.shapes import PostShape
from nexus.domain.users.shapes import UserShape


@dataclass(frozen=True, slots=True)
class NotificationShape:
    """`actors` are the newest, at most 8; `actor_count` counts all whom the recipient may see."""

    id: int
    kind: str
    actors: tuple[UserShape, ...]
    actor_count: int
    post: PostShape | None
    created_at: datetime
    is_read: bool
    sequence: int
