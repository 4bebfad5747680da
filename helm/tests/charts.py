"""The charts as a Helm 4 engine renders them."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python as helm
import yaml

HELM: Final = Path(__file__).parents[1]
NAMESPACE: Final = "nexus"
Manifest = dict[str, Any]

# What an operator must say, and nothing else.
LEAST: Final[dict[str, dict[str, Any]]] = {
    "nexus": {
        "publicUrl": "https://social.example",
        "secret": {"name": "nexus"},
        "proxy": {"certificate": {"secretName": "nexus-tls"}},
    },
    "nexus-data": {},
}


def render(chart: str, values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """Every object; raises helm.HelmError with the sentence that an operator would see."""
    texts = _chart(chart).render(merged(LEAST[chart], values or {}), name=chart, namespace=NAMESPACE)
    return [
        manifest
        for name, text in sorted(texts.items())
        if not name.endswith(".txt")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]


def refusal(chart: str, values: Mapping[str, Any]) -> str:
    """What is said to somebody who asks for this."""
    try:
        render(chart, values)
    except helm.HelmError as error:
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


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name and template of everything that runs."""
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield name, manifest
        elif "template" in manifest.get("spec", {}):
            yield name, manifest["spec"]["template"]


@cache
def _chart(name: str) -> helm.Chart:
    return helm.Chart.load(str(HELM / name))
