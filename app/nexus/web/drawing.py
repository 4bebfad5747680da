"""The status in forms for people: ninety days as one small picture, incidents as a feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from django.conf import settings
from django.utils.feedgenerator import Atom1Feed

from nexus.domain.status.shapes import ObjectiveShape, StatusShape

_WORST_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Day:
    """A day whose share missed the target."""

    day: date
    share: float


@dataclass(frozen=True, slots=True)
class Row:
    """An objective as the page shows it. `good`, `bad`: SVG paths, one unit a day; what neither covers has no data."""

    meaning: str
    target: float
    share: float | None
    good: str
    bad: str
    missed: int
    worst: Sequence[Day]


def drawn(objective: ObjectiveShape, first_day: str) -> Row:
    """The row of an objective; shares in per cent."""
    first = date.fromisoformat(first_day)
    kinds = [None if share is None else share >= objective.target for share in objective.days]
    missed = sorted(
        (share, number) for number, share in enumerate(objective.days) if share is not None and share < objective.target
    )
    return Row(
        meaning=objective.meaning,
        target=objective.target * 100,
        share=None if objective.share is None else objective.share * 100,
        good=_path(kinds, True),
        bad=_path(kinds, False),
        missed=len(missed),
        worst=[Day(first + timedelta(days=number), share * 100) for share, number in missed[:_WORST_SHOWN]],
    )


def feed(status: StatusShape) -> str:
    """Atom 1.0."""
    address = settings.NEXUS.public_url.rstrip("/")
    atom = Atom1Feed("Status of Nexus", f"{address}/status", "Incidents", feed_url=f"{address}/status.atom")
    for incident in status.incidents:
        for number, update in enumerate(reversed(incident.updates)):
            atom.add_item(
                f"{incident.title}: {update.state}",
                f"{address}/status#incident-{incident.id}",
                update.text,
                unique_id=f"{address}/status#incident-{incident.id}-{number}",
                pubdate=update.at,
                updateddate=update.at,
            )
    return str(atom.writeString("utf-8"))


def _path(kinds: Sequence[bool | None], kind: bool) -> str:
    """The days of one kind; neighbours are one stroke, so that a good year is as small as a good day."""
    path, at = "", 0
    for found, days in groupby(kinds):
        length = len(list(days))
        if found is kind:
            path += f"M{at} 0h{length}"
        at += length
    return path
