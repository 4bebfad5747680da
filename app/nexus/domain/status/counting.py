"""Counted events on their way into the rows of the status page: each once, whoever counts, and none invented.

What a source says is a sum since it began. Its row holds the sum that has been counted, and is written in the same
transaction as the days: whoever comes second, comes again or comes late finds no difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from nexus.domain.status.models import StatusDay, StatusMinute, StatusSource
from nexus.domain.status.objectives import OBJECTIVES, WORK
from nexus.kernel import clock, database

# Of what came in a longer time than this nobody can say to which day it belongs: it is missed.
GAP_MAX: Final = timedelta(days=1)
# Of several relays one looks in each so long a time.
LOOK_EVERY: Final = timedelta(seconds=10)
DAYS: Final = 90
_MINUTES_KEPT: Final = timedelta(hours=1)
LOOKS: Final = "looks"


@dataclass(frozen=True, slots=True)
class Tally:
    """Good events and bad ones."""

    good: int
    bad: int

    @property
    def total(self) -> int:
        return self.good + self.bad


def count(began_at: datetime, sums: Mapping[str, Tally]) -> None:
    """Adds what a meter has seen since it was last counted; `sums` are those since it began, by objective.

    No two meters begin in the same microsecond, so that moment is the name of one life of one meter; at several
    addresses it is the same one, and after a restart it is another.
    """
    now = clock.now()
    with database.atomic():
        source = _locked(f"meter {began_at:%Y-%m-%dT%H:%M:%S.%f}", began_at)
        before = {name: Tally(*pair) for name, pair in source.counts.items()}
        gained = {name: _gain(before.get(name, Tally(0, 0)), tally) for name, tally in sums.items()}
        if now - source.looked_at <= GAP_MAX:
            _add(now, gained)
        for name, gain in gained.items():
            had = before.get(name, Tally(0, 0))
            source.counts[name] = [had.good + gain.good, had.bad + gain.bad]
        source.looked_at = now
        source.save()


def look(oldest: Mapping[str, datetime]) -> None:
    """Notes once in a while how old the oldest delivery of each kind is; `oldest` is by reaction."""
    now = clock.now()
    with database.atomic():
        source = _locked(LOOKS, now - LOOK_EVERY)
        if now - source.looked_at < LOOK_EVERY:
            return
        seen = {}
        for objective in (*OBJECTIVES, WORK):
            if objective.reactions and objective.seconds is not None:
                limit = now - timedelta(seconds=objective.seconds)
                is_late = any(at < limit for name, at in oldest.items() if name.startswith(objective.reactions))
                seen[objective.name] = Tally(int(not is_late), int(is_late))
        _add(now, seen)
        source.looked_at = now
        source.save()


def purge() -> None:
    """Deletes what is shown no more."""
    now = clock.now()
    StatusDay.objects.filter(day__lte=now.astimezone(UTC).date() - timedelta(days=DAYS)).delete()
    StatusMinute.objects.filter(minute__lt=now - _MINUTES_KEPT).delete()
    # A meter that comes back after so long counts nothing by its old row, and nothing without it.
    StatusSource.objects.filter(looked_at__lt=now - GAP_MAX).delete()


def _locked(name: str, looked_at: datetime) -> StatusSource:
    StatusSource.objects.bulk_create([StatusSource(name=name, looked_at=looked_at)], ignore_conflicts=True)
    return StatusSource.objects.select_for_update().get(name=name)


def _gain(before: Tally, now: Tally) -> Tally:
    # Less than before was read before, by a relay that came late.
    return Tally(max(now.good - before.good, 0), max(now.bad - before.bad, 0))


def _add(now: datetime, gained: Mapping[str, Tally]) -> None:
    # In one order, so that two relays wait for each other and not both.
    rows = sorted((name, gain.good, gain.bad) for name, gain in gained.items() if gain.total)
    if not rows:
        return
    names, good, bad = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        for table, column, moment in (
            (StatusDay._meta.db_table, "day", now.astimezone(UTC).date()),
            (StatusMinute._meta.db_table, "minute", now.replace(second=0, microsecond=0)),
        ):
            cursor.execute(
                f"""
                INSERT INTO {table} AS known ({column}, objective, good, bad)
                SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::bigint[])
                ON CONFLICT ({column}, objective)
                DO UPDATE SET good = known.good + excluded.good, bad = known.bad + excluded.bad
                """,  # noqa: S608 (names of our own)
                [moment, names, good, bad],
            )
