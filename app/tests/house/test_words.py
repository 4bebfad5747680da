"""The documentation is true: links exist, variables and metrics are explained, no address of a registry slips in."""

import re
import subprocess
from pathlib import Path

import pytest

from nexus.config.environment import variables

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "haproxy").glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), f"{page}: {target}"
        assert not anchor or found.suffix != ".md" or anchor in anchors(found), f"{page}: {target}"


def test_every_environment_variable_is_in_the_documentation() -> None:
    text = (ROOT / "docs/guide/environment.md").read_text(encoding="utf-8")
    assert [variable.name for variable in variables() if f"`{variable.name}`" not in text] == []


def test_the_concept_map_shows_a_place_in_the_code_and_a_test_for_each_concept_or_says_that_it_is_not_built() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/concepts.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| concept"))
    ]
    assert len(rows) >= 40
    for concept, place, proof in rows:
        assert (LINK.search(place) and LINK.search(proof)) or "not built yet" in place, concept


def test_no_tracked_file_names_a_package_registry() -> None:
    hosts = "|".join(
        ["pypi" + r"\.org", "npmjs" + r"\.", "proxy" + r"\.golang", "deb" + r"\.debian", "crates" + r"\.io"]
    )
    run = subprocess.run(
        ["git", "grep", "-lE", f"https?://[a-z.]*({hosts})"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout == ""
