"""The static checks of what is no Python: manifests, Dockerfiles, pipelines, scripts, YAML. None asks the network."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from local.failure import Failure
from local.progress import say
from local.state import ROOT
from local.waivers import Finding, judged

BIN: Final = Path(sys.executable).parent
LOCK: Final = ROOT / "local" / "checkov.txt"
TOOLS: Final = Path.home() / ".cache" / "nexus-tools"
YAML_RULES: Final = (
    "{extends: default, rules: {line-length: {max: 160}, document-start: disable, "
    "comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}, "
    "truthy: {check-keys: false, allowed-values: ['true', 'false']}}}"
)


def checkov(files: Iterable[Path]) -> list[Finding]:
    """Manifests, Dockerfiles and workflows, by the policies that come with it."""
    names = [str(path) for path in files]
    words = ("--framework", "kubernetes", "dockerfile", "github_actions", "--skip-download", "--quiet", "--compact")
    told = _json([str(_checkov()), *words, "--output", "json", "--file", *names], good=(0, 1))
    reports = told if isinstance(told, list) else [told]
    found = [
        Finding("checkov", each["check_id"], _object(each), each["check_name"])
        for report in reports
        for each in report["results"]["failed_checks"]
    ]
    if any(report["summary"]["parsing_errors"] for report in reports):
        raise Failure(f"checkov cannot read one of {', '.join(names)}.")
    return found


def hadolint(files: Iterable[Path]) -> list[Finding]:
    """Dockerfiles, and the shell in them."""
    told = _json([str(BIN / "hadolint"), "--format", "json", "--no-fail", *map(str, files)])
    return [Finding("hadolint", each["code"], _name(each["file"]), each["message"]) for each in told]


def zizmor(files: Iterable[Path]) -> list[Finding]:
    """Workflows and Dependabot's file, as somebody who wants to break in would read them."""
    words = ("--offline", "--no-exit-codes", "--quiet", "--format", "json")
    return [
        Finding(
            "zizmor",
            each["ident"],
            _name(each["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]),
            each["desc"],
        )
        for each in _json([str(BIN / "zizmor"), *words, *map(str, files)])
    ]


def yamllint(files: Iterable[Path]) -> list[Finding]:
    """Keys that are there twice, words that are no booleans, and the layout."""
    words = (str(BIN / "yamllint"), "--format", "parsable", "--config-data", YAML_RULES)
    found = []
    for line in output([*words, *map(str, files)], good=(0, 1)).splitlines():
        path, _, rest = line.partition(":")
        told, _, rule = rest.rpartition(" (")
        found.append(Finding("yamllint", rule.rstrip(")"), _name(path), told))
    return found


def shellcheck(files: Iterable[Path]) -> list[Finding]:
    """Scripts; those that a chart carries have no first line that names their shell."""
    found = []
    for path in files:
        shell = () if path.read_text().startswith("#!") else ("--shell=sh",)
        told = _json(["shellcheck", "--format=json", *shell, str(path)], good=(0, 1))
        found += [
            Finding("shellcheck", f"SC{each['code']}", _name(path), f"line {each['line']}: {each['message']}")
            for each in told
        ]
    return found


def scripts() -> list[Path]:
    """Every script of the shell."""
    here = _files(".ci/*", "local/*", "app/nexus/**/*", "helm/*/files/*")
    return [
        path
        for path in here
        if path.suffix == ".sh" or path.read_bytes()[:20].startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
    ]


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


DOCKERFILES: Final = ("Dockerfile", "helm/e2e/*.Dockerfile")
RENDERED: Final = "k8s/*/rendered.yaml"
CHECKS: Final[dict[Callable[[Iterable[Path]], list[Finding]], Callable[[], list[Path]]]] = {
    checkov: lambda: _files(RENDERED, *DOCKERFILES, ".github/workflows/*.yml"),
    hadolint: lambda: _files(*DOCKERFILES),
    zizmor: lambda: _files(".github/**/*.yml"),
    yamllint: lambda: _files(
        "compose.yaml", ".github/**/*.yml", "k8s/*/[!r]*.yaml", "helm/*/Chart.yaml", "helm/*/values.yaml"
    ),
    shellcheck: scripts,
}


def main() -> bool:
    """All of them; says what was found before and after the waivers, and each finding that has no reason."""
    findings = {check.__name__: check(files()) for check, files in CHECKS.items()}
    return told(findings)


def told(findings: dict[str, list[Finding]]) -> bool:
    """Whether every finding has its reason, and every reason its finding."""
    left, idle = judged([each for found in findings.values() for each in found], set(findings))
    for tool, found in findings.items():
        say(f"  {tool:<10} {len(found):4} before waivers, {sum(each.tool == tool for each in left)} after")
    for each in left:
        say(f"  {each.tool} {each.rule}: {each.where}: {each.told}")
    for waiver in idle:
        say(f"  local/waivers.py: {waiver.tool} {waiver.rule} finds nothing at {waiver.where} any more: remove it")
    return not left and not idle


def output(words: Sequence[str], good: Sequence[int] = (0,), **variables: str) -> str:
    """What a program prints; raises Failure when it ends in another way than is good."""
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode not in good:
        raise Failure(f"`{' '.join(words)[:200]}` failed: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


def _checkov() -> Path:
    """Its program, in an environment of its own, made once for each version of its lock."""
    folder = TOOLS / f"checkov-{sha256(f'{sys.version}{LOCK.read_text()}'.encode()).hexdigest()[:12]}"
    made = folder / "made"
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "checkov.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout may want it at the same time
        if not made.exists():
            uv, python = str(BIN / "uv"), str(folder)
            output([uv, "venv", "--quiet", "--clear", "--python", sys.executable, python])
            output([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(LOCK)])
            made.touch()
    return folder / "bin" / "checkov"


def _object(found: dict[str, Any]) -> str:
    """`production Deployment/nexus-web` of a manifest, else the file."""
    path = str(found["file_path"]).lstrip("/")
    if not path.endswith("rendered.yaml"):
        return path
    kind, _, name = found["resource"].split(".", 2)
    return f"{Path(path).parent.name} {kind}/{name}"


def _name(path: str | Path) -> str:
    path = (ROOT / path).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _json(words: Sequence[str], good: Sequence[int] = (0,)) -> Any:
    return json.loads(output(words, good))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
