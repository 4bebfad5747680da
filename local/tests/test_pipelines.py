"""What .github/workflows and the Jenkinsfile do is what anybody can do by hand: they call make."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import tree_sitter
import tree_sitter_groovy
import yaml

from local.state import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
JENKINSFILE: Final = ROOT / "Jenkinsfile"
# What no target can do, because only the pipeline has it: a password, a cluster's address, the name of its tag.
OF_THE_PIPELINE: Final = ("docker login", "podman login", "$RUNNER_TEMP/kubeconfig", 'echo "TAG=${GITHUB_REF_NAME#v}"')


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield f"{path.name}:{name}", job


def commands() -> Iterator[tuple[str, str]]:
    for name, job in jobs():
        for step in job.get("steps", ()):
            if "run" in step:
                yield name, step["run"]
    for found in re.finditer(r"""\bsh (?:'(.*)'|"(.*)")""", JENKINSFILE.read_text()):
        yield "Jenkinsfile", found[1] or found[2]


def targets() -> set[str]:
    return {
        name
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith(".PHONY:")
        for name in line.split()[1:]
    }


def test_pipelines_call_nothing_but_targets_that_are_there() -> None:
    called = set[str]()
    for name, command in commands():
        if not command.startswith("make "):
            assert any(each in command for each in OF_THE_PIPELINE), f"{name}: {command}"
            continue
        words = command.partition(">>")[0].split()[1:]
        called |= {word for word in words if "=" not in word}
    assert called <= targets()
    assert {"test", "image", "sbom", "scan", "push", "kind", "e2e", "deploy"} <= called


@pytest.mark.parametrize("target", ["test", "image", "sbom", "scan", "push", "e2e", "deploy"])
def test_both_kinds_of_pipeline_call_the_same(target: str) -> None:
    of_jenkins = {word for name, command in commands() for word in command.split() if name == "Jenkinsfile"}
    assert target in of_jenkins


def test_the_jenkinsfile_is_groovy() -> None:
    """That it parses; whether Jenkins knows each word only a Jenkins can say."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))
    text = JENKINSFILE.read_bytes()
    assert not parser.parse(text).root_node.has_error
    assert parser.parse(text.replace(b"}", b"", 1)).root_node.has_error
    assert parser.parse(text.replace(b"'make test'", b"'make test")).root_node.has_error


def test_every_job_ends_in_time_and_is_allowed_no_more_than_it_needs() -> None:
    for path in WORKFLOWS:
        assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}, path
        assert "concurrency" in yaml.safe_load(path.read_text()), path
    for name, job in jobs():
        assert "uses" in job or job["timeout-minutes"] <= 90, name
    more = {name: job["permissions"] for name, job in jobs() if "permissions" in job}
    assert more == {"release.yml:release": {"contents": "read", "id-token": "write", "attestations": "write"}}


def test_every_action_is_pinned_by_its_commit_and_named_by_its_version() -> None:
    for path in WORKFLOWS:
        used = [line for line in path.read_text().splitlines() if "uses:" in line]
        foreign = [line for line in used if "uses: ./" not in line]
        assert used, path
        for line in foreign:
            assert re.search(r"uses: [a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), f"{path}: {line}"


def test_what_goes_to_users_was_tested_and_asked_for() -> None:
    found = dict(jobs())
    assert found["release.yml:release"]["needs"] == "test"
    assert found["release.yml:test"]["uses"] == "./.github/workflows/test.yml"
    assert found["release.yml:release"]["environment"]
    assert found["deploy.yml:deploy"]["environment"] == "${{ inputs.environment }}"
    assert "input { message" in JENKINSFILE.read_text()
