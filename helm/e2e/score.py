"""kube-score over what k8s/ renders, and actionlint over the pipelines: Go programs, so not in `make test`."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from helm import environments
from local import checks
from local.failure import Failure
from local.state import ROOT
from local.waivers import Finding

KUBE_SCORE: Final = "github.com/zegl/kube-score/cmd/kube-score@v1.20.0"
ACTIONLINT: Final = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
PASSED: Final = 10


def scored() -> None:
    """Says what was found before and after the waivers; raises Failure for what has no reason in local/waivers.py."""
    findings = {
        "kube-score": [each for name in environments.names() for each in kube_score(name)],
        "actionlint": actionlint(sorted((ROOT / ".github" / "workflows").glob("*.yml"))),
    }
    if not checks.told(findings):
        raise Failure(
            "What kube-score and actionlint find has to be put right, or its reason written into local/waivers.py."
        )


def kube_score(environment: str) -> list[Finding]:
    """Of both charts there."""
    file = environments.K8S / environment / "rendered.yaml"
    return [
        Finding(
            "kube-score",
            f"{check['check']['id']}: {comment['summary']}",
            f"{environment} {_object(each)}",
            comment["path"],
        )
        for each in _json(KUBE_SCORE, "score", "--output-format", "json", str(file))
        for check in each["checks"]
        if not check["skipped"] and check["grade"] < PASSED
        for comment in check["comments"]
    ]


def actionlint(files: list[Path]) -> list[Finding]:
    """Of the workflows, and by shellcheck, where that is there, of the commands in them."""
    found = _json(ACTIONLINT, "-format", "{{json .}}", *map(str, files))
    return [Finding("actionlint", each["kind"], each["filepath"], each["message"]) for each in found]


def _object(scored: dict[str, Any]) -> str:
    return f"{scored['type_meta']['kind']}/{scored['object_meta']['name']}"


def _json(module: str, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run([str(_program(module)), *words], cwd=ROOT, capture_output=True, text=True, check=False)
    # Both end with 1 when they found something.
    if done.returncode not in (0, 1) or not done.stdout:
        raise Failure(f"{module} failed: {done.stderr.strip()[-1000:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _program(module: str) -> Path:
    """Built once for each version."""
    path, _, version = module.partition("@")
    folder = checks.TOOLS / f"{Path(path).name}-{version}"
    program = folder / Path(path).name
    if not program.exists():
        if shutil.which("go") is None:
            raise Failure(f"go is missing, which builds {program.name}; try: apt-get install golang")
        checks.output(["go", "install", module], GOBIN=str(folder))
    return program


if __name__ == "__main__":
    scored()
