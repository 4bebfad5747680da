"""What this installation is and allows."""

from typing import Final
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings

from nexus.domain.instance.shapes import InstanceShape, Limits
from nexus.kernel.pages import LIMIT_MAX
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

# What a client can rely on, one word for each part of the contract that an older or smaller installation may lack.
_FEATURES: Final = (
    "blocks", "comments", "content_warnings", "follows", "graphql", "hashtags", "idempotency_keys", "likes", "live",
    "mentions", "notifications",
)  # fmt: skip


@query()
def instance(*, viewer: Viewer) -> InstanceShape:
    """The installation, without a statement: all of it is known when the process starts."""
    del viewer  # the same for everybody
    return InstanceShape(
        name=urlsplit(settings.NEXUS.public_url).hostname or "",
        version=settings.NEXUS.release,
        limits=Limits(
            handle=_length("User", "handle"),
            display_name=_length("User", "display_name"),
            bio=_length("User", "bio"),
            text=_length("Post", "text"),
            content_warning=_length("Post", "content_warning"),
            page=LIMIT_MAX,
        ),
        features=_FEATURES,
    )


def _length(model: str, field: str) -> int:
    """Asked of the column, since this domain stands alone and imports no other."""
    return int(apps.get_model("nexus", model)._meta.get_field(field).max_length)
