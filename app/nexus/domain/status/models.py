"""What the status page is made of: counted events by day and by minute, and what operators say."""

from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from nexus.kernel import clock
from nexus.kernel.ids import new_id

TITLE_MAX: Final = 120
TEXT_MAX: Final = 2_000


class IncidentState(models.TextChoices):
    """How far the operators are."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Impact(models.TextChoices):
    """What users feel of an incident."""

    MINOR = "minor"
    MAJOR = "major"
    OUTAGE = "outage"


class StatusDay(models.Model):
    """The events of one day (UTC) that an objective is about: the good ones, and those that its users regret."""

    day = models.DateField()
    objective = models.CharField(max_length=40)
    good = models.BigIntegerField()
    bad = models.BigIntegerField()

    class Meta:
        app_label = "nexus"
        constraints = [models.UniqueConstraint(fields=["day", "objective"], name="status_day_once")]

    def __str__(self) -> str:
        return f"{self.objective} on {self.day}"


class StatusMinute(models.Model):
    """The same by the minute, for an hour: what is the case now."""

    minute = models.DateTimeField()
    objective = models.CharField(max_length=40)
    good = models.BigIntegerField()
    bad = models.BigIntegerField()

    class Meta:
        app_label = "nexus"
        constraints = [models.UniqueConstraint(fields=["minute", "objective"], name="status_minute_once")]

    def __str__(self) -> str:
        return f"{self.objective} at {self.minute}"


class StatusSource(models.Model):
    """How far one source of events (the life of one meter) has been counted. Its row is the lock of whoever counts."""

    name = models.CharField(max_length=40, primary_key=True)
    # objective -> [good, bad] since the source began
    counts = models.JSONField(default=dict)
    looked_at = models.DateTimeField()

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return self.name


class Incident(models.Model):
    """Something that users feel, in the operators' words."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=TITLE_MAX)
    state = models.CharField(max_length=15, choices=IncidentState.choices, default=IncidentState.INVESTIGATING)
    impact = models.CharField(max_length=10, choices=Impact.choices, default=Impact.MINOR)
    components = ArrayField(models.CharField(max_length=20), default=list)
    started_at = models.DateTimeField(default=clock.now)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "nexus"
        indexes = [models.Index(fields=["-started_at"], name="incident_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=IncidentState.RESOLVED, resolved_at__isnull=False)
                | (~Q(state=IncidentState.RESOLVED) & Q(resolved_at=None)),
                name="incident_resolved_once",
            )
        ]

    def __str__(self) -> str:
        return self.title


class IncidentUpdate(models.Model):
    """What operators said at one moment. Nothing that was said is changed afterwards."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="updates")
    text = models.CharField(max_length=TEXT_MAX)
    state = models.CharField(max_length=15, choices=IncidentState.choices)
    at = models.DateTimeField(default=clock.now)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"{self.state}: {self.text[:60]}"
