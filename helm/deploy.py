"""`make deploy ENV=staging TAG=1.2.3`: shows what changes, changes it and tests it; Helm rolls back what fails.

Exit status 1 and a sentence when something is missing or fails. DIFF=only shows and changes nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from helm import environments
from helm.charts import HELM
from local.failure import Failure
from local.progress import say

TIMEOUT: Final = os.environ.get("TIMEOUT") or "15m"


def main(environment: str, tag: str, only_diff: bool) -> None:
    """Both charts, the data first."""
    if environment not in environments.names():
        raise Failure(f"ENV={environment or '..'}: there are {', '.join(environments.names())} in k8s/.")
    if not tag:
        raise Failure("TAG is missing: the images' tag, for example TAG=1.2.3.")
    _is_reachable()
    namespace = environments.namespace(environment)
    for file in ("namespace.yaml", "quota.yaml", "priorities.yaml"):
        path = environments.K8S / environment / file
        if path.exists():
            _run("kubectl", "diff" if only_diff else "apply", "--filename", str(path), may_differ=only_diff)
    for chart in environments.CHARTS:
        words = _values(environment, chart, tag)
        say(f"== {chart}: what changes in {namespace}")
        manifests = _output(
            "helm", "template", chart, str(HELM / chart), "--namespace", namespace, "--no-hooks", *words
        )
        _run("kubectl", "diff", "--namespace", namespace, "--filename", "-", text=manifests, may_differ=True)
        if not only_diff:
            _run(
                "helm", "upgrade", "--install", chart, str(HELM / chart), "--namespace", namespace, *words, *_careful()
            )
    if not only_diff:
        _run("helm", "test", "nexus", "--namespace", namespace, "--timeout", TIMEOUT)


def _values(environment: str, chart: str, tag: str) -> list[str]:
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    image = {"nexus": "nexus", "nexus-data": "nexus-postgres"}[chart]
    words = ["--values", str(environments.values(environment, chart)), "--set-string", f"image.tag={tag}"]
    return [*words, "--set-string", f"image.repository={registry}/{image}"] if registry else words


def _careful() -> list[str]:
    """Waits until all is ready, and goes back by itself when that does not come about."""
    version = _output("helm", "version", "--template", "{{.Version}}").lstrip("v")
    return ["--wait", "--atomic" if version.startswith("3.") else "--rollback-on-failure", "--timeout", TIMEOUT]


def _is_reachable() -> None:
    try:
        json.loads(_output("kubectl", "version", "--output", "json"))["serverVersion"]
    except (Failure, KeyError):
        context = _output("kubectl", "config", "current-context", check=False).strip() or "none"
        raise Failure(
            f"No cluster answers (kubectl's context: {context}). Choose one: kubectl config use-context .."
        ) from None


def _run(*words: str, text: str | None = None, may_differ: bool = False) -> None:
    """Shows what it says. kubectl diff ends with 1 when there is a difference."""
    status = _process(words, text=text).returncode
    if status != 0 and not (may_differ and status == 1):
        raise Failure(f"`{' '.join(words[:4])} ..` failed (status {status}); the reason stands above.")


def _output(*words: str, check: bool = True) -> str:
    done = _process(words, capture=True)
    if check and done.returncode != 0:
        raise Failure(f"`{' '.join(words[:4])} ..` failed: {done.stderr.strip()[-1000:]}")
    return done.stdout or ""


def _process(words: Sequence[str], text: str | None = None, capture: bool = False) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, input=text, capture_output=capture, text=True, check=False)
    except FileNotFoundError:
        raise Failure(f"{words[0]} is not on PATH; docs/guide/kubernetes.md tells where it comes from.") from None


if __name__ == "__main__":
    try:
        main(os.environ.get("ENV", ""), os.environ.get("TAG", ""), os.environ.get("DIFF") == "only")
    except Failure as failure:
        sys.exit(f"\n{failure}")
