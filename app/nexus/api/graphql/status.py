"""How Nexus does, by GraphQL."""

from datetime import datetime
from enum import Enum

import strawberry

from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import field
from nexus.domain.status import queries
from nexus.domain.status.shapes import IncidentShape, StatusShape


@strawberry.enum(description="How a part of Nexus is; unknown: not measured, or not asked yet.")
class ComponentState(Enum):
    """The words are those of REST, in the same case."""

    operational = "operational"
    degraded = "degraded"
    down = "down"
    unknown = "unknown"


@strawberry.enum(description="How far the operators are.")
class IncidentState(Enum):
    """The words are those of REST, in the same case."""

    investigating = "investigating"
    identified = "identified"
    monitoring = "monitoring"
    resolved = "resolved"


@strawberry.enum(description="What users feel of an incident.")
class IncidentImpact(Enum):
    """The words are those of REST, in the same case."""

    minor = "minor"
    major = "major"
    outage = "outage"


@strawberry.type(description="One part of Nexus as it is now, and why that is said.")
class Component:
    """A component."""

    name: str
    title: str
    state: ComponentState
    detail: str


@strawberry.type(description="The share of good events over all days and of each of ninety; null: too few events.")
class Objective:
    """An objective."""

    name: str
    meaning: str
    target: float
    share: float | None
    days: list[float | None]


@strawberry.type(description="What operators said at one moment.")
class IncidentUpdate:
    """An update."""

    text: str
    state: IncidentState
    at: datetime


@strawberry.type(description="Something that users feel; the latest update first.")
class Incident:
    """An incident."""

    id: strawberry.ID
    title: str
    state: IncidentState
    impact: IncidentImpact
    components: list[str]
    started_at: datetime
    resolved_at: datetime | None
    updates: list[IncidentUpdate]


@strawberry.type(description="historyAt: when objectives and incidents were read; null while they cannot be.")
class ServiceStatus:
    """The whole status."""

    state: ComponentState
    components: list[Component]
    history_at: datetime | None
    first_day: str | None
    objectives: list[Objective]
    incidents: list[Incident]


@strawberry.type
class StatusQueries:
    """What can be asked about how Nexus does."""

    @field("The components now, the objectives over ninety days and the incidents; also while nothing else answers.")
    def service_status(self, info: Info) -> ServiceStatus | None:
        return _status(queries.service_status(viewer=info.context.viewer))


def _status(found: StatusShape) -> ServiceStatus:
    return ServiceStatus(
        state=ComponentState(found.state),
        components=[
            Component(name=e.name, title=e.title, state=ComponentState(e.state), detail=e.detail)
            for e in found.components
        ],
        history_at=found.history_at,
        first_day=found.first_day,
        objectives=[
            Objective(name=e.name, meaning=e.meaning, target=e.target, share=e.share, days=list(e.days))
            for e in found.objectives
        ],
        incidents=[_incident(each) for each in found.incidents],
    )


def _incident(found: IncidentShape) -> Incident:
    return Incident(
        id=strawberry.ID(str(found.id)),
        title=found.title,
        state=IncidentState(found.state),
        impact=IncidentImpact(found.impact),
        components=list(found.components),
        started_at=found.started_at,
        resolved_at=found.resolved_at,
        updates=[IncidentUpdate(text=e.text, state=IncidentState(e.state), at=e.at) for e in found.updates],
    )
