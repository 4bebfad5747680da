"""The installation itself, by GraphQL."""

import strawberry

from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field
from nexus.domain.instance import queries


@strawberry.type(description="The longest that each thing may be: text in Unicode code points, a page in items.")
class Limits:
    """Bounds of the input."""

    handle: int
    display_name: int
    bio: int
    text: int
    content_warning: int
    page: int


@strawberry.type(description="What a client must know before it offers anything. New features may appear at any time.")
class Instance:
    """An installation."""

    name: str
    version: str
    limits: Limits
    features: list[str]


@strawberry.type
class InstanceQueries:
    """What can be asked about the installation."""

    @field("What this installation is and allows.")
    def instance(self, info: Info) -> Instance | None:
        found = queries.instance(viewer=info.context.viewer)
        limits = Limits(
            handle=found.limits.handle,
            display_name=found.limits.display_name,
            bio=found.limits.bio,
            text=found.limits.text,
            content_warning=found.limits.content_warning,
            page=found.limits.page,
        )
        return Instance(name=found.name, version=found.version, limits=limits, features=list(found.features))
