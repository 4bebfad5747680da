"""The static checks see what is wrong, and what is left as it is has its reason."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from local import checks
from local.waivers import WAIVERS, Finding, judged

WRONG: list[tuple[Callable[[Iterable[Path]], list[Finding]], str, str, str]] = [
    (checks.hadolint, "Dockerfile", "FROM debian:latest\nRUN sudo true\n", "DL3004"),
    (checks.shellcheck, "run", "#!/bin/sh\nrm -rf $1/*\n", "SC2086"),
    (checks.shellcheck, "run.sh", "source other\n", "SC3046"),
    (checks.yamllint, "values.yaml", "a: 1\na: 2\n", "key-duplicates"),
    (
        checks.zizmor,
        ".github/workflows/a.yml",
        'on: issues\njobs: {a: {runs-on: b, steps: [{run: "echo ${{ github.event.issue.title }}"}]}}\n',
        "template-injection",
    ),
    (
        checks.checkov,
        "rendered.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostNetwork: true, containers: [{name: a}]}\n",
        "CKV_K8S_19",
    ),
]


@pytest.mark.parametrize(
    ("check", "name", "text", "rule"), WRONG, ids=[f"{each[0].__name__}-{each[3]}" for each in WRONG]
)
def test_each_check_sees_what_is_wrong(
    check: Callable[[Iterable[Path]], list[Finding]], name: str, text: str, rule: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert rule in {finding.rule for finding in check([path])}


def test_each_check_has_something_to_look_at() -> None:
    assert all(files() for files in checks.CHECKS.values())
    assert {"run", "packages", "image", "redis.sh"} <= {path.name for path in checks.scripts()}


def test_a_finding_without_a_reason_and_a_reason_without_a_finding_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    new = Finding("hadolint", "DL3004", "Dockerfile", "no sudo")
    known = Finding("hadolint", "DL3008", "Dockerfile", "pin versions")
    left, idle = judged([new, known], {"hadolint"})
    assert left == [new]
    assert {waiver.rule for waiver in idle} == {waiver.rule for waiver in WAIVERS if waiver.tool == "hadolint"} - {
        "DL3008"
    }
    assert not checks.told({"hadolint": [new, known]})
    assert "2 before waivers, 1 after" in capfd.readouterr().out


def test_every_waiver_has_a_reason_and_a_place() -> None:
    for waiver in WAIVERS:
        assert len(waiver.why) > 20, waiver
        assert waiver.rule != "*", waiver
