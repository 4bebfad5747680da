"""The installation itself."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from nexus.api.rest.endpoints import Call, Shape, reads
from nexus.domain.instance import queries
from nexus.domain.instance.shapes import InstanceShape


class Limits(serializers.Serializer[Any]):
    """The longest that each thing may be: text in Unicode code points, a page in items."""

    handle = serializers.IntegerField()
    display_name = serializers.IntegerField()
    bio = serializers.IntegerField()
    text = serializers.IntegerField()
    content_warning = serializers.IntegerField()
    page = serializers.IntegerField()


class Instance(serializers.Serializer[Any]):
    """What a client must know before it offers anything. New `features` may appear at any time."""

    name = serializers.CharField()
    version = serializers.CharField()
    limits = Limits()
    features = serializers.ListField(child=serializers.CharField())


INSTANCE: Shape[InstanceShape] = Shape(asdict, Instance)


@reads(queries.instance, shows=INSTANCE)
def instance(call: Call) -> InstanceShape:
    """GET /instance."""
    return queries.instance(viewer=call.viewer)
