"""The status as everybody sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["operational", "degraded", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class ComponentShape:
    """One part of Nexus, how it is now, and why that is said."""

    name: str
    title: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class ObjectiveShape:
    """One objective: the share of good events over all its days, and of each day; None where there were too few."""

    name: str
    meaning: str
    target: float
    share: float | None
    days: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class IncidentUpdateShape:
    """What operators said at one moment."""

    text: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IncidentShape:
    """Something that users feel; its updates with the latest first."""

    id: int
    title: str
    state: str
    impact: str
    components: tuple[str, ...]
    started_at: datetime
    resolved_at: datetime | None
    updates: tuple[IncidentUpdateShape, ...]


@dataclass(frozen=True, slots=True)
class StatusShape:
    """Everything. `history_at`: when objectives and incidents were read; None when this process never could."""

    state: State
    components: tuple[ComponentShape, ...]
    history_at: datetime | None
    first_day: str | None
    objectives: tuple[ObjectiveShape, ...]
    incidents: tuple[IncidentShape, ...]
