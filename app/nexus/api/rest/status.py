"""How Nexus does."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rest_framework import serializers

from nexus.api.rendering import moment
from nexus.api.rest.endpoints import Call, Shape, reads
from nexus.api.rest.fields import Id
from nexus.domain.status import queries
from nexus.domain.status.models import Impact, IncidentState
from nexus.domain.status.shapes import StatusShape

STATES = ("operational", "degraded", "down", "unknown")


class Component(serializers.Serializer[Any]):
    """One part of Nexus as it is now, and why that is said. New `name`s may appear at any time."""

    name = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    detail = serializers.CharField()


class Objective(serializers.Serializer[Any]):
    """The share of good events over all days and of each of ninety days, `first_day` first; null: too few events."""

    name = serializers.CharField()
    meaning = serializers.CharField()
    target = serializers.FloatField()
    share = serializers.FloatField(allow_null=True)
    days = serializers.ListField(child=serializers.FloatField(allow_null=True))


class IncidentUpdate(serializers.Serializer[Any]):
    """What operators said at one moment."""

    text = serializers.CharField()
    state = serializers.ChoiceField(IncidentState.values)
    at = serializers.DateTimeField()


class Incident(serializers.Serializer[Any]):
    """Something that users feel; the latest update first."""

    id = Id()
    title = serializers.CharField()
    state = serializers.ChoiceField(IncidentState.values)
    impact = serializers.ChoiceField(Impact.values)
    components = serializers.ListField(child=serializers.CharField())
    started_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    updates = IncidentUpdate(many=True)


class ServiceStatus(serializers.Serializer[Any]):
    """`history_at`: when objectives and incidents were read; null while they cannot be, and there are none then."""

    state = serializers.ChoiceField(STATES)
    components = Component(many=True)
    history_at = serializers.DateTimeField(allow_null=True)
    first_day = serializers.DateField(allow_null=True)
    objectives = Objective(many=True)
    incidents = Incident(many=True)


def _render(status: StatusShape) -> Any:
    return _told(asdict(status))


def _told(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {key: _told(below, key) for key, below in value.items()}
        case tuple() | list():
            return [_told(below) for below in value]
        case datetime():
            return moment(value)
    return str(value) if name == "id" else value


STATUS: Shape[StatusShape] = Shape(_render, ServiceStatus)


@reads(queries.service_status, shows=STATUS, is_public=True)
def service_status(call: Call) -> StatusShape:
    """GET /status."""
    return queries.service_status(viewer=call.viewer)
