"""What this installation is and allows."""

from typing import Final
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings

from nexus.domain.instance.shapes import InstanceShape, Limits, Statistics
from nexus.kernel import nodes
from nexus.kernel.pages import LIMIT_MAX
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer

_COUNTED_MAX: Final = 100_000
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


def statistics() -> Statistics:
    """How many people and posts there are, for the landing page."""
    return Statistics(
        user_count=_count("User", is_active=True),
        post_count=_count("Post", deleted_at=None),
    )


def _count(model: str, **alive: object) -> int:
    rows = apps.get_model("nexus", model)._default_manager
    with nodes.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", [rows.model._meta.db_table])
        (estimate,) = cursor.fetchone() or (0,)
    # Counting reads the whole table; nobody needs the last digit of a large number.
    return int(estimate) if estimate > _COUNTED_MAX else rows.filter(**alive).count()


def _length(model: str, field: str) -> int:
    """Asked of the column, since this domain stands alone and imports no other."""
    return int(apps.get_model("nexus", model)._meta.get_field(field).max_length)
