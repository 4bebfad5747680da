"""The way of a delivery: made of an event, leased to the queue, done in its own transaction, or buried.

`attempts` counts runs that are known to have begun. The first run of a delivery is not written down before it begins,
because nearly all succeed and delete the row; whoever runs it a second time writes that first. So a reaction that kills
its process is buried after ATTEMPTS_MAX runs, while a queue without workers, where leases end unheard, counts nothing.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Min

from nexus.kernel import clock, database, metrics, outbox, traces
from nexus.kernel.logging import log
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent, ScheduledRun

# After the n-th failure: an hour without a mail server ends in no dead letter, and eight failures take about two hours.
PAUSES_S: Final = (2, 8, 30, 120, 480, 1_800, 3_600)
ERROR_MAX: Final = 4_000
_UNLOCKED: Final = "(SELECT id FROM nexus_delivery WHERE id = %s FOR UPDATE SKIP LOCKED)"
_ENDED: Final = "The process ended while it ran this reaction: killed, out of memory, or beyond its time limit."


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told of a delivery; the row has the rest. `is_resent`: it may have been run before."""

    id: int
    reaction: str
    is_resent: bool
    traceparent: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery whose row is deleted if this transaction commits."""

    payload: dict[str, Any]
    request_id: str
    created_at: datetime


def make_of_events(reactions: Mapping[str, Sequence[str]], limit: int) -> int:
    """Turns up to `limit` events into one delivery for each of their reactions; returns the number of events.

    `reactions`: event -> reactions. An event that is not in it waits for a relay of the release that knows it.
    """
    with database.atomic():
        events = list(
            OutboxEvent.objects.select_for_update(skip_locked=True)
            .filter(name__in=list(reactions))
            .order_by("id")[:limit]
        )
        now = clock.now()
        Delivery.objects.bulk_create(
            Delivery(
                reaction=reaction,
                payload=event.payload,
                request_id=event.request_id,
                traceparent=event.traceparent,
                # As old as the event; but a clock of another host that is ahead must not hold it back.
                created_at=min(event.created_at, now),
                due_at=min(event.created_at, now),
            )
            for event in events
            for reaction in reactions[event.name]
        )
        OutboxEvent.objects.filter(id__in=[event.id for event in events]).delete()
    return len(events)


def lease(reactions: Iterable[str], limit: int) -> list[Job]:
    """Up to `limit` deliveries that are due; nobody else is given them until their lease ends.

    Rows that a worker has locked are being run and are passed over, however long that takes.
    """
    now = clock.now()
    with database.atomic(), connection.cursor() as cursor:
        _bury_exhausted(now, limit)
        cursor.execute(
            """
            WITH due AS (
                SELECT id, due_at > created_at AS is_resent FROM nexus_delivery
                WHERE due_at <= %s AND reaction = ANY(%s) ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE nexus_delivery AS d SET due_at = %s FROM due WHERE d.id = due.id
            RETURNING d.id, d.reaction, due.is_resent, d.traceparent
            """,
            [now, list(reactions), limit, now + outbox.LEASE],
        )
        return sorted((Job(*row) for row in cursor.fetchall()), key=lambda job: job.id)


def return_unsent(ids: Iterable[int], pause: timedelta) -> None:
    """Ends leases early: the queue could not be reached. Nothing is counted."""
    Delivery.objects.filter(id__in=list(ids)).update(due_at=clock.now() + pause)


def count_begin(delivery_id: int) -> bool:
    """Writes down that a run begins; False when the delivery is done, is being run, or has had all its runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE nexus_delivery SET attempts = attempts + 1 WHERE id = {_UNLOCKED} AND attempts < %s",  # noqa: S608
            [delivery_id, outbox.ATTEMPTS_MAX],
        )
        return bool(cursor.rowcount)


def take(delivery_id: int) -> Taken | None:
    """Deletes the row in the transaction of the effect; None when it is done, or another process is running it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM nexus_delivery WHERE id = {_UNLOCKED} RETURNING payload, request_id, created_at",  # noqa: S608
            [delivery_id],
        )
        row = cursor.fetchone()
    return None if row is None else Taken(orjson.loads(row[0]), row[1], row[2])


def fail(delivery_id: int, error: str, *, is_counted: bool) -> bool:
    """Writes down a failure: again after a pause that grows, or buried; True when buried."""
    with database.atomic():
        row = Delivery.objects.select_for_update().filter(id=delivery_id).first()
        if row is None:
            return False
        row.attempts += not is_counted
        row.last_error = error[-ERROR_MAX:]
        if row.attempts >= outbox.ATTEMPTS_MAX:
            _bury([row])
            return True
        pause = PAUSES_S[min(row.attempts, len(PAUSES_S)) - 1] * random.uniform(0.8, 1.2)
        row.due_at = clock.now() + timedelta(seconds=pause)
        row.save(update_fields=["attempts", "last_error", "due_at"])
    return False


def give_back(delivery_id: int, *, is_counted: bool) -> None:
    """The database was away, which is no fault of the reaction: soon again, and the run does not count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE nexus_delivery SET due_at = %s, attempts = greatest(attempts - %s, 0) WHERE id = %s",
            [clock.now() + timedelta(seconds=random.uniform(1, 3)), int(is_counted), delivery_id],
        )


def make_of_schedule(every: Mapping[str, timedelta]) -> int:
    """Makes a delivery of each row of the schedule (reaction -> period) whose time has come; returns how many."""
    now = clock.now()
    with database.atomic():
        due = list(
            ScheduledRun.objects.select_for_update(skip_locked=True).filter(reaction__in=list(every), next_at__lte=now)
        )
        for run in due:
            # From now on, not from then on: what was missed while nothing ran is not made up for.
            run.next_at = now + every[run.reaction]
        ScheduledRun.objects.bulk_update(due, ["next_at"])
        # One that still waits or fails is not joined by a second.
        waiting = set(
            Delivery.objects.filter(reaction__in=[run.reaction for run in due]).values_list("reaction", flat=True)
        )
        fresh = [run.reaction for run in due if run.reaction not in waiting]
        Delivery.objects.bulk_create(
            Delivery(reaction=reaction, payload={}, created_at=now, due_at=now) for reaction in fresh
        )
    return len(fresh)


def enter_schedule(every: Mapping[str, timedelta]) -> None:
    """Makes the rows of reactions that are new in the schedule; the first run is due at once."""
    now = clock.now()
    ScheduledRun.objects.bulk_create(
        (ScheduledRun(reaction=reaction, next_at=now) for reaction in every), ignore_conflicts=True
    )


def measure() -> None:
    """Sets the gauges of what waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM nexus_outboxevent) + (SELECT count(*) FROM nexus_delivery),
                   least((SELECT min(created_at) FROM nexus_outboxevent),
                         (SELECT min(created_at) FROM nexus_delivery WHERE attempts = 0)),
                   (SELECT count(*) FROM nexus_deadletter)
            """
        )
        pending, oldest, buried = cursor.fetchone()
    metrics.OUTBOX_PENDING.set(pending)
    metrics.OUTBOX_OLDEST_SECONDS.set(max((clock.now() - oldest).total_seconds(), 0) if oldest else 0)
    metrics.DEAD_LETTERS_KEPT.set(buried)


def oldest() -> dict[str, datetime]:
    """Since when the oldest delivery of each reaction waits; those that have failed wait for another reason."""
    waiting = Delivery.objects.filter(attempts=0).values("reaction").order_by("reaction")
    return dict(waiting.annotate(oldest=Min("created_at")).values_list("reaction", "oldest"))


def _bury_exhausted(now: datetime, limit: int) -> None:
    """Those whose last permitted run ended with its process, so that nobody was left to bury them."""
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True).filter(due_at__lte=now, attempts__gte=outbox.ATTEMPTS_MAX)[
            :limit
        ]
    )
    for row in rows:
        row.last_error = row.last_error or _ENDED
    _bury(rows)


def _bury(rows: list[Delivery]) -> None:
    if not rows:
        return
    DeadLetter.objects.bulk_create(
        DeadLetter(
            id=row.id,
            reaction=row.reaction,
            payload=row.payload,
            request_id=row.request_id,
            traceparent=row.traceparent,
            created_at=row.created_at,
            attempts=row.attempts,
            last_error=row.last_error,
        )
        for row in rows
    )
    Delivery.objects.filter(id__in=[row.id for row in rows]).delete()
    for row in rows:
        metrics.DEAD_LETTERS.labels(row.reaction).inc()
        error = row.last_error.splitlines()[-1:]
        with traces.following(row.traceparent):
            log.error(
                "delivery_buried",
                request_id=row.request_id,
                reaction=row.reaction,
                delivery_id=row.id,
                error=error,
            )
