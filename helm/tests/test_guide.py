"""What the guide tells an operator to write is what the charts take."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from helm.charts import HELM, Refused
from helm.tests.charts import LEAST, defaults, render
from local.state import ROOT

GUIDE: Final = ROOT / "docs" / "guide"
PAGES: Final = [*sorted(GUIDE.glob("*.md")), ROOT / "README.md", HELM / "nexus" / "templates" / "NOTES.txt"]
SET: Final = re.compile(r"--set(?:-string|-json|-file)?[ =]['\"]?([A-Za-z][A-Za-z0-9.\[\]]*)=")
NAMED: Final = re.compile(r"`([a-z][A-Za-z]*(?:\.[a-z][A-Za-z0-9]*)+)`")
BLOCK: Final = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def is_value(path: str) -> bool:
    """Whether the schema of a chart knows it."""
    return any(knows(json.loads((HELM / chart / "values.schema.json").read_text()), path) for chart in LEAST)


def knows(schema: dict[str, Any], path: str) -> bool:
    whole, here = schema, schema
    for key in re.sub(r"\[\d+\]", "", path).split("."):
        here = resolved(whole, here)
        if key not in here.get("properties", {}):
            return "properties" not in here and here.get("additionalProperties") is not False and here is not whole
        here = here["properties"][key]
    return True


def resolved(whole: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in here:
        found: Any = whole
        for part in here["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        here = found
    return here


def told() -> Iterator[tuple[str, str]]:
    tops = {key for chart in LEAST for key in defaults(chart)}
    for page in PAGES:
        text = page.read_text()
        yield from ((page.name, path) for path in SET.findall(text))
        # `config.py` and the like are no values, and the pages that are generated are right by their making.
        if page.name not in ("values.md", "environment.md"):
            yield from ((page.name, path) for path in NAMED.findall(text) if path.split(".")[0] in tops)


def test_every_value_that_the_guide_names_is_one() -> None:
    found = set(told())
    assert {"publicUrl", "image.tag", "proxy.certificate.secretName", "trial"} <= {path for _, path in found}
    assert {(page, path) for page, path in found if not is_value(path)} == set()


@pytest.mark.parametrize(
    "wrong", ["web.replica", "nothing", "proxy.certificate.secret", "image.tagg", "postgres.storage.sise"]
)
def test_what_is_no_value_is_seen(wrong: str) -> None:
    assert not is_value(wrong)


def test_every_example_of_values_is_taken() -> None:
    examples = [text for page in PAGES for text in BLOCK.findall(page.read_text())]
    assert examples
    for text in examples:
        assert any(takes(chart, yaml.safe_load(text)) for chart in LEAST), text


def takes(chart: str, values: dict[str, Any]) -> bool:
    try:
        return bool(render(chart, values))
    except Refused:
        return False


def test_every_link_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page}: {link}"
