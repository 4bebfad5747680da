"""What the Dockerfile promises of the images that leave this machine."""

import re
from typing import Final

import pytest

from local.state import ROOT

STAGES: Final = {
    found[1]: found[2]
    for found in re.finditer(
        r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL
    )
}


@pytest.mark.parametrize("target", ["nexus", "postgres"])
def test_it_runs_as_a_number_that_is_not_root(target: str) -> None:
    """Kubernetes cannot see that a name is not root's."""
    (user,) = re.findall(r"^USER (\S+)$", STAGES[target], re.MULTILINE)
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", user)


@pytest.mark.parametrize("target", ["nexus", "postgres"])
def test_nothing_is_built_where_it_runs(target: str) -> None:
    assert not re.search(r"\bpip\b|compileall|build-essential|\bgcc\b|-dev\b", STAGES[target])
    assert "COPY --from=" in STAGES[target]


def test_every_package_is_the_one_that_was_locked() -> None:
    installs = re.findall(r"pip install (.*)", (ROOT / "Dockerfile").read_text())
    assert len(installs) == 2
    assert all("--require-hashes" in each and "--only-binary :all:" in each for each in installs)


def test_nothing_else_of_the_checkout_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert all(
        any(each == path or path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in allowed)
        for path in copied
    )


def test_nexus_is_what_is_built_when_nobody_says_what() -> None:
    assert list(STAGES)[-1] == "nexus"
