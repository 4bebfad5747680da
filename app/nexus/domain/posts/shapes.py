"""A post as a viewer sees it."""

from dataclasses import dataclass
from datetime import datetime

from nexus.domain.users.shapes import UserShape
from nexus.kernel.pages import Page


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody named in a post's text."""

    id: int
    handle: str


@dataclass(frozen=True, slots=True)
class PostFlags:
    """What the viewer has done with the post."""

    is_liked: bool


@dataclass(frozen=True, slots=True)
class PostShape:
    """A post; `viewer` is None for nobody. A deleted post in a thread has no author and no text, and `is_deleted`."""

    id: int
    author: UserShape | None
    text: str
    content_warning: str
    visibility: str
    reply_to_id: int | None
    hashtags: tuple[str, ...]
    mentions: tuple[Mention, ...]
    like_count: int
    comment_count: int
    created_at: datetime
    edited_at: datetime | None
    version: int
    is_deleted: bool
    viewer: PostFlags | None


@dataclass(frozen=True, slots=True)
class ThreadShape:
    """A post in its conversation: what it answers, oldest first, and a page of what answers it."""

    ancestors: tuple[PostShape, ...]
    post: PostShape
    comments: Page[PostShape]
