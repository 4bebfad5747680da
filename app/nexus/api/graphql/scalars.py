"""Values that GraphQL has no type for."""

from datetime import datetime
from enum import Enum
from typing import Final

import strawberry
from strawberry.schema.config import StrawberryConfig

from nexus.api.rendering import moment


@strawberry.enum(
    description="Who may see a post: all, also in public lists; all who have its id; followers; the mentioned."
)
class Visibility(Enum):
    """The words are those of REST, in the same case."""

    public = "public"
    unlisted = "unlisted"
    followers = "followers"
    mentioned = "mentioned"


@strawberry.enum(description="What a notification tells of.")
class NotificationKind(Enum):
    """The words are those of REST, in the same case."""

    followed = "followed"
    mentioned = "mentioned"
    replied = "replied"
    liked = "liked"


CONFIG: Final = StrawberryConfig(
    scalar_map={
        datetime: strawberry.scalar(
            name="DateTime",
            description="A moment in RFC 3339, UTC, to the millisecond.",
            serialize=moment,
            parse_value=datetime.fromisoformat,
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        )
    }
)
