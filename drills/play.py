"""Plays one scenario on a cluster and judges it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drills.checker import Findings, check
from drills.cluster import Cluster
from drills.lab.options import NotPossible
from drills.logs import explaining
from drills.records import Figures, Record, figures
from drills.run import Moment, Run, SplitBrainWatch
from drills.scenario import Load, Promise, Scenario
from drills.workload import Workload
from local.failure import Failure

STEADY_S, AFTERWARDS_S = 4.0, 2.0
HEALED_S = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """One run. Times of records and moments are seconds since the load began."""

    name: str
    number: int
    commit: str
    at: str
    seconds: float
    broken: list[str]
    figures: Figures
    findings: Findings
    moments: list[Moment]
    records: list[tuple[str, float, float, str, int, str]]  # kind, started, ended, verdict, attempts, detail
    lines: list[tuple[float, str, str]]
    versions: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_green(self) -> bool:
        """Whether the promise held."""
        return not self.broken

    @property
    def is_stuck(self) -> bool:
        """Whether it did not come to its end, so that nothing more can be expected of this cluster."""
        return "stuck" in self.notes

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Result":
        """As it was kept."""
        return cls(
            **{
                **kept,
                "figures": Figures(**kept["figures"]),
                "findings": Findings(**{name: tuple(lines) for name, lines in kept["findings"].items()}),
                "moments": [Moment(**moment) for moment in kept["moments"]],
                "records": [tuple(record) for record in kept["records"]],
                "lines": [tuple(line) for line in kept["lines"]],
            }
        )


def play(
    scenario: Scenario, cluster: Cluster, folder: Path, *, number: int = 1, commit: str = "", judges_time: bool = True
) -> Result:
    """Load, fault, healing, check. `judges_time`: whether a limit in seconds can break the promise."""
    begun, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    cluster.wait_until_healthy(HEALED_S)
    with _workload(cluster, folder, scenario, number) as load:
        run, found = Run(cluster, load), Findings()
        try:
            found = _act_and_check(run, scenario)
        except NotPossible:
            raise
        except Failure as failure:
            run.broken.append(f"it did not come to its end: {failure}")
            run.notes["stuck"] = True
        records = load.records()
        seen = figures(records, load.begun, load.ended or time.monotonic())
        run.broken += judged(scenario.promise, seen, found, judges_time=judges_time)
        return Result(
            name=scenario.name,
            number=number,
            commit=commit,
            at=at,
            seconds=round(time.monotonic() - begun, 1),
            broken=run.broken,
            figures=replace(seen, pause_at=seen.pause_at - load.begun),
            findings=found,
            moments=[Moment(m.begun - load.begun, m.ended - load.begun, m.text, m.is_fault) for m in run.moments],
            records=_compact(records, load.begun),
            lines=_lines(cluster, load.begun),
            versions=dict(cluster.versions),
            notes=run.notes,
        )


def _act_and_check(run: Run, scenario: Scenario) -> Findings:
    watch = SplitBrainWatch(run.cluster)
    run.load.start()
    watch.start()
    try:
        run.goes_on(STEADY_S)
        scenario.act(run)
        run.goes_on(AFTERWARDS_S)
        run.load.stop()
    finally:
        run.cluster.faults.heal()
        split = watch.finish()
    with run.mended("everything is healthy again"):
        run.cluster.wait_until_healthy(HEALED_S)
    return check(run.cluster, run.load.records(), run.load.people, run.load.audit, split)


def judged(promise: Promise, seen: Figures, found: Findings, *, judges_time: bool) -> list[str]:
    """A sentence for each part of the promise that did not hold."""
    kept = found if promise.keeps_order else replace(found, out_of_order=())
    broken = list(kept.all)
    if seen.failed_reads and promise.refuses != "anything":
        broken.append(f"{seen.failed_reads} reads failed")
    if seen.failed_writes and promise.refuses == "nothing":
        broken.append(f"{seen.failed_writes} keyed writes failed")
    if judges_time and promise.pause_s is not None and seen.pause_s > promise.pause_s:
        broken.append(f"no write was acknowledged for {seen.pause_s:.2f} s; at most {promise.pause_s:g} s are promised")
    if judges_time and promise.read_s is not None and seen.slowest_read_s > promise.read_s:
        broken.append(f"a read took {seen.slowest_read_s:.2f} s; at most {promise.read_s:g} s are promised")
    if judges_time and promise.stale_s is not None and seen.stalest_s > promise.stale_s:
        broken.append(f"an answer was {seen.stalest_s:.0f} s old; at most {promise.stale_s:g} s are promised")
    return broken


def _workload(cluster: Cluster, folder: Path, scenario: Scenario, number: int) -> Workload:
    load: Load = scenario.load
    # Handles are short, and new ones are needed in a cluster that has seen this scenario before.
    run = f"{scenario.name.replace('-', '_')[:16]}_{int(time.time()) % 10**7}{number}"
    return Workload(cluster, folder, run=run, **asdict(load))


def _compact(records: Sequence[Record], begun: float) -> list[tuple[str, float, float, str, int, str]]:
    return [
        (r.kind, round(r.started - begun, 3), round(r.ended - begun, 3), r.verdict, r.attempts, r.detail)
        for r in records
        if r.started >= begun
    ]


def _lines(cluster: Cluster, begun: float) -> list[tuple[float, str, str]]:
    """Logs tell wall-clock time."""
    wall = begun + time.time() - time.monotonic()
    with suppress(OSError):
        return [(round(at - wall, 3), process, line) for at, process, line in explaining(cluster.log_lines(wall - 1))]
    return []
