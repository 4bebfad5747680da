"""What the process knows of the rows of the status page: a copy, read again by a thread when somebody asks.

Who asks waits for a moment at most, because he asks most often when nothing answers. A process of web has a copy from
its start on.
"""

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import connections
from django.db.models import F, Q, Sum

from nexus.domain.status.counting import DAYS, LOOKS, Tally
from nexus.domain.status.models import Incident, IncidentState, IncidentUpdate, StatusDay, StatusMinute, StatusSource
from nexus.domain.status.objectives import OBJECTIVES
from nexus.domain.status.shapes import IncidentShape, IncidentUpdateShape, ObjectiveShape
from nexus.kernel import clock, database, nodes, redis, replicas
from nexus.kernel.logging import log

RENEWED_S: Final = 10.0
# A copy for which nobody has asked is not much older.
WARM_S: Final = 300.0
# After this a copy says nothing about now.
FRESH_S: Final = 60.0
PATIENCE_S: Final = 0.25
_READ_S: Final = 2.0
_RECENTLY: Final = timedelta(minutes=5)
# What ended longer ago than this is history, and not on the page.
_INCIDENTS_SHOWN: Final = timedelta(days=14)
_INCIDENTS_MAX: Final = 20
# A day with fewer events shows nothing: one bad one among three would look like an outage.
EVENTS_MIN: Final = 10


@dataclass(frozen=True, slots=True)
class History:
    """The rows, as they were at `read_at`. `of_replica`: the primary did not answer, another node did."""

    read_at: datetime
    of_replica: bool
    first_day: date
    objectives: tuple[ObjectiveShape, ...]
    recent: Mapping[str, Tally]
    looked_at: datetime | None
    incidents: tuple[IncidentShape, ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The last copy, whether it is of about now, and how the last try to renew it ended (None: there was none)."""

    history: History | None = None
    is_fresh: bool = False
    is_database_up: bool | None = None
    is_cache_up: bool | None = None


class Copy:
    """The process's own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As at the beginning: a process that was forked has none of our threads, and maybe a lock that one held."""
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._history: History | None = None
        self._is_database_up: bool | None = None
        self._is_cache_up: bool | None = None
        self._read_at = self._tried_at = -FRESH_S

    def latest(self) -> Knowledge:
        """What is known; the one who finds it old starts to renew it, and waits for a moment."""
        with self._lock:
            is_mine = self._reader is None and time.monotonic() - self._tried_at >= RENEWED_S
            if is_mine:
                self._tried_at = time.monotonic()
                self._reader = threading.Thread(target=self._renew_aside, name="status-reader", daemon=True)
                self._reader.start()
            reader = self._reader
        if is_mine and reader is not None:
            reader.join(PATIENCE_S)
        is_fresh = self._history is not None and time.monotonic() - self._read_at < FRESH_S
        return Knowledge(self._history, is_fresh, self._is_database_up, self._is_cache_up)

    def stay_warm(self) -> None:
        """Has a copy although nobody asks: whoever asks first may do so because nothing answers any more."""
        threading.Thread(target=self._stay_warm, name="status-warmer", daemon=True).start()

    def renew(self) -> None:
        """Reads the rows, and asks Redis for a sign of life."""
        self._tried_at = time.monotonic()
        try:
            with database.time_budget(_READ_S):
                self._history = replicas.read(_read)
            self._read_at, self._is_database_up = time.monotonic(), True
        except Exception as error:  # whatever it is, the page says that it could not be asked
            self._is_database_up = False
            log.warning("status_not_read", error=str(error).strip())
        self._is_cache_up = redis.attempt("status", lambda client: bool(client.ping()), False)

    def _stay_warm(self) -> None:
        while True:
            known = self.latest()
            # Not all processes of a machine at once.
            time.sleep(random.uniform(0.5, 1.0) * (RENEWED_S if known.history is None else WARM_S))

    def _renew_aside(self) -> None:
        try:
            self.renew()
        finally:
            connections.close_all()
            self._reader = None


COPY: Final = Copy()
os.register_at_fork(after_in_child=COPY.forget)


def incident_shape(incident: Incident, updates: list[IncidentUpdate]) -> IncidentShape:
    """An incident with its updates, the latest first."""
    return IncidentShape(
        id=incident.pk,
        title=incident.title,
        state=incident.state,
        impact=incident.impact,
        components=tuple(incident.components),
        started_at=incident.started_at,
        resolved_at=incident.resolved_at,
        updates=tuple(IncidentUpdateShape(each.text, each.state, each.at) for each in updates),
    )


def _read() -> History:
    now = clock.now()
    first = now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    days: dict[str, dict[date, Tally]] = defaultdict(dict)
    for objective, day, good, bad in StatusDay.objects.filter(day__gte=first).values_list(
        "objective", "day", "good", "bad"
    ):
        days[objective][day] = Tally(good, bad)
    minutes = StatusMinute.objects.filter(minute__gt=now - _RECENTLY).values("objective").order_by("objective")
    sums = minutes.annotate(sum_good=Sum("good"), sum_bad=Sum("bad")).values_list("objective", "sum_good", "sum_bad")
    return History(
        read_at=now,
        of_replica=nodes.alias() != nodes.PRIMARY,
        first_day=first,
        objectives=tuple(
            ObjectiveShape(
                each.name,
                each.meaning,
                each.target,
                _share(_sum(days[each.name])),
                tuple(_share(days[each.name].get(first + timedelta(days=number))) for number in range(DAYS)),
            )
            for each in OBJECTIVES
        ),
        recent={name: Tally(good, bad) for name, good, bad in sums},
        looked_at=StatusSource.objects.filter(name=LOOKS).values_list("looked_at", flat=True).first(),
        incidents=_incidents(now),
    )


def _incidents(now: datetime) -> tuple[IncidentShape, ...]:
    shown = ~Q(state=IncidentState.RESOLVED) | Q(resolved_at__gt=now - _INCIDENTS_SHOWN)
    open_first = F("resolved_at").desc(nulls_first=True)
    found = list(Incident.objects.filter(shown).order_by(open_first, "-started_at")[:_INCIDENTS_MAX])
    updates: dict[int, list[IncidentUpdate]] = defaultdict(list)
    for update in IncidentUpdate.objects.filter(incident__in=found).order_by("-at", "-id"):
        updates[update.incident_id].append(update)
    return tuple(incident_shape(each, updates[each.pk]) for each in found)


def _sum(days: Mapping[date, Tally]) -> Tally:
    return Tally(sum(each.good for each in days.values()), sum(each.bad for each in days.values()))


def _share(tally: Tally | None) -> float | None:
    if tally is None or tally.total < EVENTS_MIN:
        return None
    return round(tally.good / tally.total, 6)
