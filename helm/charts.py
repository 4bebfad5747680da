"""The charts as a Helm 4 engine renders them, and what is in their objects."""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python as helm
import yaml

HELM: Final = Path(__file__).parent
NAMESPACE: Final = "nexus"
Refused = helm.HelmError
Manifest = dict[str, Any]


def render(chart: str, values: Mapping[str, Any], namespace: str = NAMESPACE) -> list[Manifest]:
    """Every object; raises Refused with the sentence that an operator would see."""
    texts = _chart(chart).render(dict(values), name=chart, namespace=namespace)
    return [
        manifest
        for name, text in sorted(texts.items())
        if not name.endswith(".txt")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]


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
    # The engine tells of each symbolic link, on the process's own standard error; what is wrong comes as an exception.
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        return helm.Chart.load(str(HELM / name))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
