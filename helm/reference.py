"""`python -m helm.reference`: docs/guide/values.md, out of the comments in values.yaml."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from helm.charts import HELM
from local.state import ROOT

PAGE: Final = ROOT / "docs" / "guide" / "values.md"
_HEAD: Final = """# Values of the charts

Written by `make generate` from `helm/*/values.yaml`. A value that is not here is refused, and so is one that cannot be
right: the message says what to write instead.
"""
WHOLE: Final = ("requests", "limits", "labels")
_KEY: Final = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9_]*):")


def page() -> str:
    """Both charts."""
    return _HEAD + "".join(f"\n## {chart}\n\n{_table(chart)}" for chart in ("nexus", "nexus-data"))


def explained(chart: str) -> Iterator[tuple[str, str]]:
    """Each value that has a comment `# -- ..`, with what it says."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in (HELM / chart / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment = [text.removeprefix("# -- ")]
        elif text.startswith("#") and comment:
            comment.append(text.removeprefix("#").strip())
        elif found := _KEY.match(line):
            indent = len(found["indent"])
            path = [each for each in path if each[0] < indent] + [(indent, found["key"])]
            if comment:
                yield ".".join(key for _, key in path), " ".join(comment)
            comment = []


def _table(chart: str) -> str:
    values = yaml.safe_load((HELM / chart / "values.yaml").read_text())
    rows = [
        f"| `{path}` | `{json.dumps(value)}` | {told} |"
        for path, value, told in told_of_all(values, dict(explained(chart)))
    ]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]) + "\n"


def told_of_all(values: dict[str, Any], told: dict[str, str], above: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every value; what roles have alike is told at the first of them. Raises KeyError for one that is not told."""
    alike = {path.partition(".")[2]: text for path, text in reversed(told.items()) if "." in path}
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value and key not in WHOLE:
            yield from told_of_all(value, told, f"{path}.")
        else:
            yield path, value, told.get(path) or alike[path.partition(".")[2]]


if __name__ == "__main__":
    PAGE.write_text(page())
