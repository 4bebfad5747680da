"""What happens to posts."""

from dataclasses import dataclass

from nexus.kernel.outbox import Event


@dataclass(frozen=True, slots=True)
class PostPublished(Event):
    """Somebody has written a post or a comment."""

    post_id: int


@dataclass(frozen=True, slots=True)
class PostEdited(Event):
    """The text or the content warning of a post is another one."""

    post_id: int


@dataclass(frozen=True, slots=True)
class PostDeleted(Event):
    """Of a post only its place is left."""

    post_id: int
    author_id: int


@dataclass(frozen=True, slots=True)
class PostLiked(Event):
    """Somebody likes a post."""

    user_id: int
    post_id: int


@dataclass(frozen=True, slots=True)
class PostUnliked(Event):
    """Somebody has taken back a like."""

    user_id: int
    post_id: int
