"""A user as others see one."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Relationship:
    """What the viewer and the user are to each other."""

    is_following: bool = False
    is_followed_by: bool = False
    is_blocking: bool = False


@dataclass(frozen=True, slots=True)
class UserShape:
    """A profile; `viewer` is None for nobody and for the user's own."""

    id: int
    handle: str
    display_name: str
    bio: str
    follower_count: int
    following_count: int
    post_count: int
    created_at: datetime
    version: int
    viewer: Relationship | None
