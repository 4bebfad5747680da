"""What has been measured: one file for each run, and their sum in results/latest.json."""

import hashlib
import json
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from drills.play import Result
from drills.scenario import Scenario
from local.state import ROOT

FOLDER: Final = ROOT / "drills" / "results"
RUNS: Final = FOLDER / "runs"
LATEST: Final = FOLDER / "latest.json"
_OURS: Final = ("app", "drills", "haproxy", "local", "requirements.txt", ":!drills/results", ":!*/tests/*", ":!*.md")


@dataclass(frozen=True, slots=True)
class Store:
    """The folder with the runs. A run is known by the commit, the name and its number, and is not repeated."""

    commit: str
    folder: Path = RUNS

    def kept(self, name: str, number: int) -> Result | None:
        """The run, if it has been done."""
        path = self._path(name, number)
        return Result.of(json.loads(path.read_text())) if path.exists() else None

    def keep(self, result: Result) -> None:
        """Writes it whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(result.name, result.number)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(result.as_json(), separators=(",", ":")))
        beside.rename(path)

    def runs_of(self, name: str) -> list[Result]:
        """Those of this commit."""
        paths = sorted(self.folder.glob(f"{self.commit}-{name}-[0-9]*.json"), key=_number)
        return [Result.of(json.loads(path.read_text())) for path in paths]

    def _path(self, name: str, number: int) -> Path:
        return self.folder / f"{self.commit}-{name}-{number}.json"


def commit(*more: str) -> str:
    """The last commit that changed what is drilled; with what is changed in the working copy, a digest of that too."""
    head = _git("log", "-1", "--format=%h", "--abbrev=10", "--", *more, *_OURS) or "unknown"
    changed = _git("diff", "HEAD", "--", *more, *_OURS)
    return f"{head}+{hashlib.sha256(changed.encode()).hexdigest()[:6]}" if changed else head


def commit_in_kubernetes() -> str:
    """Of what is drilled there."""
    return f"kubernetes-{commit('helm', 'Dockerfile')}"


def promise_row(scenario: Scenario, runs: Sequence[Result]) -> dict[str, Any]:
    """One promise over all its runs, as it stands in latest.json."""
    pauses = [run.figures.pause_s for run in runs]
    return {
        "name": scenario.name,
        "row": scenario.row,
        "sentences": list(scenario.sentences),
        "commit": runs[-1].commit,
        "at": runs[-1].at,
        "runs": len(runs),
        "operations": sum(run.figures.operations for run in runs),
        "failed_reads": sum(run.figures.failed_reads for run in runs),
        "failed_writes": sum(run.figures.failed_writes for run in runs),
        "may_refuse": scenario.promise.refuses,
        "lost": sum(len(run.findings.lost) for run in runs),
        "duplicated": sum(len(run.findings.duplicated) + len(run.findings.effects_twice) for run in runs),
        "effects_missing": sum(len(run.findings.effects_missing) for run in runs),
        "pause_s": {"worst": round(max(pauses), 2), "median": round(statistics.median(pauses), 2)},
        "slowest_request_s": round(max(run.figures.slowest_request_s for run in runs), 2),
        "slowest_read_s": round(max(run.figures.slowest_read_s for run in runs), 2),
        "limit_s": scenario.promise.pause_s,
        "read_limit_s": scenario.promise.read_s,
        "client_retries": scenario.load.retries,
        "rate": round(statistics.mean(run.figures.rate for run in runs), 1),
        "broken": sorted({sentence for run in runs for sentence in run.broken}),
        "notes": [run.notes for run in runs if run.notes],
        "verdict": "green" if all(run.is_green for run in runs) else "red",
    }


def latest(path: Path = LATEST) -> dict[str, Any]:
    """What is known so far."""
    if not path.exists():
        return {"promises": [], "controls": [], "versions": {}}
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def write_latest(
    promises: Sequence[dict[str, Any]],
    controls: Sequence[dict[str, Any]],
    versions: dict[str, str],
    skipped: Sequence[dict[str, str]] = (),
    path: Path = LATEST,
) -> dict[str, Any]:
    """New rows take the place of those with their name; the others stay."""
    before = latest(path)
    sums = {
        "promises": sorted(_merged(before["promises"], promises), key=lambda row: (row["row"] or 99, row["name"])),
        "controls": _merged(before["controls"], controls),
        "not_shown": list(skipped),
        "versions": versions or before["versions"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sums, indent=1, ensure_ascii=False) + "\n")
    return sums


def _merged(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(({row["name"]: row for row in before} | {row["name"]: row for row in now}).values())


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
