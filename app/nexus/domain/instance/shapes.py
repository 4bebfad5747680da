"""An installation as its clients see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest that each thing may be: text in Unicode code points, a page in items."""

    handle: int
    display_name: int
    bio: int
    text: int
    content_warning: int
    page: int


@dataclass(frozen=True, slots=True)
class InstanceShape:
    """What a client must know before it offers anything."""

    name: str
    version: str
    limits: Limits
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much there is; of very large tables what Postgres estimates."""

    user_count: int
    post_count: int
