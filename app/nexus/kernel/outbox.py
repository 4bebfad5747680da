"""What happened, written in the transaction in which it happened, and delivered from there until it is done.

An event becomes one delivery for each reaction (config/reactions.py); the relay sends a delivery to the queue and
leases it; the worker deletes it in the transaction of its effect. One that is not deleted is sent again when its lease
ends.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Self

from django.contrib.postgres.indexes import BTreeIndex
from django.db import connection, models

from nexus.kernel import clock, database, logging, traces
from nexus.kernel.ids import new_id

LEASE: Final = timedelta(seconds=30)
ATTEMPTS_MAX: Final = 8
EVENTS: Final[dict[str, type["Event"]]] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the past tense, with ids instead of objects; its class name is its name everywhere."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        # No super() without arguments: dataclass(slots=True) makes the class anew.
        EVENTS[cls.__name__] = cls

    def payload(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Self:
        """The event of a stored payload."""
        return cls(**payload)


class OutboxEvent(models.Model):
    """An event that has not been turned into deliveries yet."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    name = models.CharField(max_length=80)
    payload = models.JSONField()
    request_id = models.CharField(max_length=64, blank=True)
    traceparent = models.CharField(max_length=traces.HEADER_MAX, blank=True, db_default="")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class Delivery(models.Model):
    """One reaction that is still to be done. It is deleted in the transaction of its effect."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    reaction = models.CharField(max_length=80)
    payload = models.JSONField()
    request_id = models.CharField(max_length=64, blank=True)
    traceparent = models.CharField(max_length=traces.HEADER_MAX, blank=True, db_default="")
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        app_label = "nexus"
        verbose_name_plural = "deliveries"
        indexes = [BTreeIndex(fields=["due_at"], name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.reaction} {self.id}"


class DeadLetter(models.Model):
    """A delivery that failed too often; an operator reads why and runs it again."""

    id = models.BigIntegerField(primary_key=True)
    reaction = models.CharField(max_length=80)
    payload = models.JSONField()
    request_id = models.CharField(max_length=64, blank=True)
    traceparent = models.CharField(max_length=traces.HEADER_MAX, blank=True, db_default="")
    created_at = models.DateTimeField()
    died_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField()
    last_error = models.TextField()

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"{self.reaction} {self.id}"


class ScheduledRun(models.Model):
    """When each row of config/schedule.py runs next; the relay that locks a due row sends it."""

    reaction = models.CharField(max_length=80, primary_key=True)
    next_at = models.DateTimeField()

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return self.reaction


def publish(*events: Event) -> None:
    """Stores events with the change that they tell of: both or neither."""
    if not connection.in_atomic_block:
        raise RuntimeError("an event is published inside the transaction of its change")
    with traces.span("publish", "producer", events=" ".join(type(event).__name__ for event in events)):
        OutboxEvent.objects.bulk_create(
            OutboxEvent(
                name=type(event).__name__,
                payload=event.payload(),
                request_id=logging.request_id(),
                traceparent=traces.traceparent(),
            )
            for event in events
        )


def run_dead_letters_again(ids: Iterable[int]) -> int:
    """Makes deliveries of dead letters again, due at once; returns how many were still there."""
    with database.atomic():
        letters = list(DeadLetter.objects.select_for_update().filter(id__in=list(ids)).order_by("id"))
        Delivery.objects.bulk_create(
            Delivery(
                id=letter.id,
                reaction=letter.reaction,
                payload=letter.payload,
                request_id=letter.request_id,
                traceparent=letter.traceparent,
                created_at=letter.created_at,
                last_error=letter.last_error,
            )
            for letter in letters
        )
        DeadLetter.objects.filter(id__in=[letter.id for letter in letters]).delete()
    return len(letters)
