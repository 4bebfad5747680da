"""`python -m drills [NAME ...]`: every promise and every control, or those that are named; RUNS=5 repeats.

What has been run at this commit is kept in results/runs and not run again: an interrupted set goes on where it was.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from drills import report, results
from drills.cluster import Cluster
from drills.controls import CONTROLS, TRIES, Control
from drills.kubernetes.cluster import reached
from drills.lab.lab import Lab
from drills.lab.options import NotPossible, Options
from drills.mechanisms import MECHANISMS
from drills.play import Result, play
from drills.results import Store
from drills.scenario import Scenario, Target, all_scenarios
from local.failure import Failure
from local.progress import say
from local.state import State

SHOWN_RUNS = 5
# The others need what no cluster has: a disk of their own, a clock, a cable that is cut in one direction.
ROWS_IN_KUBERNETES: Final = (1, 2, 3, 4, 5, 6, 7, 10, 12, 13)
# Where a replica that starts, and Kubernetes itself, share the machine with those who wait, less is no pause.
SHORTEST_IN_KUBERNETES_S: Final = 2.0


class InCluster:
    """What runs in Kubernetes already; nothing of it can be started otherwise for one scenario."""

    def __init__(self, folder: Path) -> None:
        self._cluster = reached(folder)

    @contextmanager
    def with_options(self, options: Options) -> Iterator[Cluster]:
        """The platform as it was installed."""
        if options != Options():
            raise NotPossible("The charts install what is promised, and this needs something else.")
        self._cluster.wait_until_healthy()
        yield self._cluster

    def close(self) -> None:
        """Stays as it is."""


class Labs:
    """One laboratory at a time; the next scenario gets the same one if it needs nothing else and nothing went wrong."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._options = folder, Options()
        self._lab: Lab | None = None
        self._running = ExitStack()

    @contextmanager
    def with_options(self, options: Options) -> Iterator[Cluster]:
        """A healthy laboratory."""
        # A fencer that has fenced refuses for a minute, lest it take a second node away: each run has a new one.
        if self._lab is None or options != self._options or options.fencer:
            self.close()
            begun = time.monotonic()
            self._lab, self._options = self._running.enter_context(Lab(self._folder, options)), options
            say(f"  the laboratory is up after {time.monotonic() - begun:.0f} s")
        try:
            yield self._lab
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves nothing behind."""
        self._lab = None
        self._running.close()
        self._running = ExitStack()


class Drills:
    """Plays what is asked for and keeps what comes out."""

    def __init__(self, labs: Labs | InCluster, store: Store, folder: Path, runs: int) -> None:
        self._labs, self._store, self._folder, self._runs = labs, store, folder, runs
        self.not_shown: list[dict[str, str]] = []
        self.not_begun: list[str] = []

    def promise(self, scenario: Scenario) -> dict[str, Any] | None:
        """All its runs; None when this machine cannot show it."""
        for number in range(1, self._runs + 1):
            if self._played(scenario, number, self._runs) is None:
                return None  # this machine cannot show it, or it did not even begin
        return results.promise_row(scenario, self._store.runs_of(scenario.name)[: self._runs])

    def control(self, control: Control) -> dict[str, Any] | None:
        """Tries until it is red."""
        seen = None
        for number in range(1, TRIES + 1):
            result = self._played(control.scenario, number, TRIES, control)
            if result is None:
                return None
            if seen := control.seen(result):
                break
        return {
            "name": control.name,
            "without": control.without,
            "sentences": list(control.scenario.sentences),
            "expected": control.expected,
            "seen": seen,
            "runs": number,
            "verdict": "red" if seen else "green",
        }

    def _played(self, scenario: Scenario, number: int, of: int, control: Control | None = None) -> Result | None:
        kept = self._store.kept(scenario.name, number)
        if kept is None:
            try:
                with self._labs.with_options(scenario.options) as lab:
                    if lab.is_reduced and scenario.needs_network:
                        raise NotPossible("This machine allows no network namespaces.")
                    kept = play(scenario, lab, self._folder, number=number, commit=self._store.commit)
            except NotPossible as why:
                self.not_shown.append({"name": scenario.name, "why": str(why)})
                say(f"  {scenario.name:<28} not shown: {why}")
                return None
            except Failure as failure:
                self.not_begun.append(scenario.name)
                say(f"  {scenario.name:<28} did not begin: {failure}")
                return None
            self._store.keep(kept)
            if kept.is_stuck:
                self._labs.close()
        say(_line(kept, number, of, control))
        return kept


TARGETS: dict[str, Callable[[Path], Labs | InCluster]] = {"lab": Labs, "kubernetes": InCluster}


def main(names: Sequence[str]) -> int:
    """Status 1 when a promise is red or a control green."""
    runs, target = int(os.environ.get("RUNS") or "1"), cast("Target", os.environ.get("TARGET") or "lab")
    if target not in TARGETS:
        raise Failure(f"TARGET={target}: there are {' and '.join(TARGETS)}.")
    scenarios, controls = _chosen(names, target)
    if target != "lab":
        controls = []  # they need an application that lacks something
    folder = State().folder / "drills"
    labs = TARGETS[target](folder / target)
    store = Store(results.commit() if target == "lab" else results.commit_in_kubernetes())
    drills = Drills(labs, store, folder / "load", runs)
    promised: list[dict[str, Any]] = []
    controlled: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    say(f"{len(scenarios)} promises and {len(controls)} controls at {store.commit}, {runs} times each")
    try:
        # Those with the same laboratory stand together, so that it is started seldom.
        for scenario in sorted(scenarios, key=lambda each: (repr(each.options), each.row or 99)):
            if row := drills.promise(scenario):
                promised.append(row)
        for control in controls:
            if row := drills.control(control):
                controlled.append(row)
    finally:
        labs.close()
        shutil.rmtree(folder / "load", ignore_errors=True)
        for name in [*(row["name"] for row in promised), *(row["name"] for row in controlled)]:
            versions |= store.runs_of(name)[-1].versions
        name = "latest" if target == "lab" else target
        sums = results.write_latest(promised, controlled, versions, drills.not_shown, results.FOLDER / f"{name}.json")
        write_report(sums, results.FOLDER / f"{name}.html")
    wrong = [*drills.not_begun, *(row["name"] for row in promised if row["verdict"] != "green")]
    wrong += [row["name"] for row in controlled if row["verdict"] != "red"]
    say(f"\nThe report: {results.FOLDER / name}.html")
    if wrong:
        say(f"Not as it must be: {', '.join(wrong)}")
    return 1 if wrong else 0


def write_report(sums: dict[str, Any], path: Path) -> None:
    """What a JSON of sums tells, with the runs that are still there, as a page."""
    shown: dict[str, list[Result]] = {}
    for row in [*sums["promises"], *sums["controls"]]:
        newest = Store(row.get("commit", "")) if row.get("commit") else Store(results.commit())
        found = newest.runs_of(row["name"])
        shown[row["name"]] = sorted(found, key=lambda run: (run.is_green, -run.figures.pause_s))[:SHOWN_RUNS]
    path.write_text(report.html(sums, shown))


def _chosen(names: Sequence[str], target: Target) -> tuple[list[Scenario], list[Control]]:
    scenarios = {each.name: each for each in all_scenarios(target)}
    controls = {each.name: each for each in (*CONTROLS, *MECHANISMS)}
    if unknown := [name for name in names if name not in scenarios and name not in controls]:
        raise Failure(f"There is no drill {unknown[0]}. There are: {', '.join([*scenarios, *controls])}.")
    if target == "kubernetes":
        scenarios = {name: _in_kubernetes(each) for name, each in scenarios.items()}
    if not names and target == "kubernetes":
        return [each for each in scenarios.values() if each.row in ROWS_IN_KUBERNETES], []
    if not names:
        return list(scenarios.values()), list(controls.values())
    return [scenarios[name] for name in names if name in scenarios], [controls[n] for n in names if n in controls]


def _in_kubernetes(scenario: Scenario) -> Scenario:
    """The same promise, with no limit that only a laboratory of processes can keep."""
    limits = {name: getattr(scenario.promise, name) for name in ("pause_s", "read_s")}
    longer = {name: max(limit, SHORTEST_IN_KUBERNETES_S) for name, limit in limits.items() if limit is not None}
    return replace(scenario, promise=replace(scenario.promise, **longer))


def _line(result: Result, number: int, of: int, control: Control | None) -> str:
    seen = result.figures
    if control is None:
        verdict = "green" if result.is_green else "RED"
        told = "" if result.is_green else f"  {'; '.join(result.broken[:3])}"
    else:
        reason = control.seen(result)
        verdict, told = ("red, as it must", f"  {reason}") if reason else ("GREEN", "  the control proves nothing")
    return (
        f"  {result.name:<28} {number}/{of}  {verdict:<6}"
        f" failed {seen.failed_reads} reads, {seen.failed_writes} writes;"
        f" pause {seen.pause_s:5.2f} s, slowest {seen.slowest_request_s:5.2f} s ({result.seconds:.0f} s){told}"
    )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; what has been run is kept.")
