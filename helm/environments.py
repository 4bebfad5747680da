"""The environments of k8s/: what each puts into a cluster; `python -m helm.environments` writes that down."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from helm.charts import render
from local.state import ROOT

K8S: Final = ROOT / "k8s"
CHARTS: Final = ("nexus-data", "nexus")
_HEAD: Final = "# Written by `make generate`, so that a reviewer sees what changes in the cluster. Not to be applied.\n"


def names() -> list[str]:
    """local, production, staging."""
    return sorted(path.parent.name for path in K8S.glob("*/nexus.yaml"))


def namespace(name: str) -> str:
    """Where an environment lives."""
    found: Mapping[str, Any] = yaml.safe_load((K8S / name / "namespace.yaml").read_text())
    return str(found["metadata"]["name"])


def values(name: str, chart: str) -> Path:
    """The values of a chart there."""
    return K8S / name / f"{chart}.yaml"


def rendered(name: str) -> str:
    """Every object of both charts, hooks too, in a stable order."""
    objects = [
        manifest
        for chart in CHARTS
        for manifest in render(chart, yaml.safe_load(values(name, chart).read_text()) or {}, namespace(name))
    ]
    return _HEAD + yaml.dump_all(objects, Dumper=_Readable, sort_keys=False, width=1000, explicit_start=True)


class _Readable(yaml.SafeDumper):
    """Files stay files, line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)


if __name__ == "__main__":
    for each in names():
        (K8S / each / "rendered.yaml").write_text(rendered(each))
