"""The charts with what an operator must say, and nothing else, unless a test says more."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from helm import charts
from helm.charts import HELM, Manifest

LEAST: Final[dict[str, dict[str, Any]]] = {
    "nexus": {
        "publicUrl": "https://social.example",
        "secret": {"name": "nexus"},
        "proxy": {"certificate": {"secretName": "nexus-tls"}},
    },
    "nexus-data": {},
}


def render(chart: str, values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """Every object."""
    return charts.render(chart, merged(LEAST[chart], values or {}))


def refusal(chart: str, values: Mapping[str, Any]) -> str:
    """What is said to somebody who asks for this."""
    try:
        render(chart, values)
    except charts.Refused as error:
        return str(error)
    raise AssertionError(f"{values} is accepted")


def defaults(chart: str) -> dict[str, Any]:
    """values.yaml."""
    found: dict[str, Any] = yaml.safe_load((HELM / chart / "values.yaml").read_text())
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm merges values: maps are merged, all else is replaced."""
    found = dict(below)
    for key, value in above.items():
        known = found.get(key)
        found[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return found
