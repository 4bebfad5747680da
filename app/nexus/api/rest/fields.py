"""Strict fields of request bodies: they check types and nothing else; what a value may be is the domain's business."""

from typing import Any, Final

from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from nexus.kernel.ids import parse_id

ID_SCHEMA: Final = {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"}


class Body(serializers.Serializer[Any]):
    """A request body. A field that it does not know is an error, so that a typing error is never silently ignored."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError({"non_field_errors": ["Send a JSON object."]}, code="wrong_type")
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {
                    name: [serializers.ErrorDetail(f"There is no field {name!r} here.", "unknown_field")]
                    for name in unknown
                }
            )
        return dict(super().to_internal_value(data))


class Text(serializers.Field[str, str, str, Any]):
    """A string, taken as it is. What else is said of it is told in the contract and enforced by the domain."""

    default_error_messages = {"invalid": "Must be a string."}

    def __init__(
        self,
        *,
        min_length: int | None = None,
        max_length: int | None = None,
        pattern: str | None = None,
        format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        told = {"minLength": min_length, "maxLength": max_length, "pattern": pattern, "format": format}
        set_override(self, "field", {"type": "string", **{name: value for name, value in told.items() if value}})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        return value


class Choice(serializers.ChoiceField):
    """One of some strings."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(f"Must be one of {', '.join(map(str, self.choices))}.", "not_a_choice")
        return data


@extend_schema_field(ID_SCHEMA)
class Id(serializers.Field[int, str, str, Any]):
    """An id, which travels as a string."""

    def to_internal_value(self, data: Any) -> int:
        value = parse_id(data) if isinstance(data, str) else None
        if value is None:
            raise serializers.ValidationError("Must be an id: a string of digits.", "not_an_id")
        return value

    def to_representation(self, value: int) -> str:
        return str(value)
