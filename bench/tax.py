"""`python -m bench.tax`: what metrics and logs cost: CPU by request with and without them, and what a scrape costs."""

import os
import signal
import statistics
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bench.__main__ import REQUESTS, ROUNDS, Bench, Cost, Reference, prepare
from bench.scenarios import Scenario, scenarios
from bench.usage import cpu_ms
from haproxy.tests.door import Door, wait_until
from local.ports import free_port
from local.role import APP, Role
from local.state import ROOT
from tests.stack.stack import Stack

SILENT = str(ROOT / "bench" / "silent")
DEATHS = int(os.environ.get("DEATHS", "100"))
WORKERS = 8


class Silent(Role):
    """A web replica that measures and logs nothing."""

    def environment(self) -> dict[str, str]:
        """As ever, with bench/silent before it."""
        variables = {"PYTHONPATH": os.pathsep.join([SILENT, str(APP)]), "NEXUS_LOG_LEVEL": "error"}
        return {**super().environment(), **variables}


class TaxBench(Bench):
    """Two web replicas, each behind its own HAProxy; beside one of them the meter."""

    def __init__(self, stack: Stack, silent: Role, door: Door) -> None:
        super().__init__(stack, Reference(stack.directory), {"nexus": stack.door, "silent": door})
        self._silent = silent

    def parts(self, scenario: Scenario) -> dict[str, int]:
        """The processes whose time counts."""
        proxy = {"proxy": self.doors[scenario.door].pid}
        if scenario.door == "silent":
            return {"app": self._silent.pid, **proxy}
        return {"app": self.stack.webs[0].pid, "meter": self.stack.meter.pid, **proxy}


def tax(stack: Stack) -> None:
    """Prints the medians over all rounds, which alternate."""
    silent = Silent(stack.directory, "web", stack.variables, port=free_port(), metrics_port=free_port())
    door = Door(stack.directory / "door-silent", stack.certificate, web=[silent.address])
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    with silent, door:
        wait_until(lambda: "UP" in door.states().values(), "the silent replica behind its door")
        bench = TaxBench(stack, silent, door)
        headers, post_ids = prepare(stack)
        for number in range(ROUNDS):
            for scenario in scenarios(headers, post_ids)[1:]:
                for place in ("nexus", "silent"):
                    one = Scenario(scenario.name, place, scenario.make)
                    first = (number * 2 + (place == "silent")) * 2 * (REQUESTS + 60)
                    costs[scenario.name, place].append(bench.measure(one, first))
    print(f"{'CPU ms per request':26}{'with':>10}{'of it meter':>13}{'without':>10}{'tax':>8}")
    for name in dict.fromkeys(name for name, _ in costs):
        whole = statistics.median(sum(cost.values()) for cost in costs[name, "nexus"])
        bare = statistics.median(sum(cost.values()) for cost in costs[name, "silent"])
        meter = statistics.median(cost["meter"] for cost in costs[name, "nexus"])
        print(f"{name:26}{whole:10.3f}{meter:13.3f}{bare:10.3f}{whole / bare - 1:8.1%}")


def scrapes(stack: Stack) -> None:
    """Prints size and cost of a scrape of a web replica with WORKERS processes, before and after DEATHS of them."""
    variables = {**stack.variables, "NEXUS_WEB_WORKERS": str(WORKERS)}
    web = Role(stack.directory, "web", variables, port=free_port(), metrics_port=free_port())
    with web:
        for _ in range(200):
            urllib.request.urlopen(f"http://{web.address}/api/v1/instance", timeout=10).close()
        print(f"with {WORKERS} processes        {_scraped(web)}")
        for number in range(DEATHS):
            victim = _wait_for(lambda: _workers(web.pid) if len(_workers(web.pid)) >= WORKERS else [])[0]
            os.kill(victim, signal.SIGKILL)
            if number % 10 == 0:
                _scraped(web)
        _wait_for(lambda: _workers(web.pid) if len(_workers(web.pid)) >= WORKERS else [])
        for _ in range(200):
            urllib.request.urlopen(f"http://{web.address}/api/v1/instance", timeout=10).close()
        print(f"after {DEATHS} deaths       {_scraped(web)}")


def _workers(pid: int) -> list[int]:
    """gunicorn's: the child that serves the metrics has another name."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in children if Path(f"/proc/{child}/comm").read_text().strip() != "nexus-metrics"]


def _wait_for(find: Callable[[], list[int]]) -> list[int]:
    found: list[int] = []

    def is_found() -> bool:
        found[:] = find()
        return bool(found)

    wait_until(is_found, "all workers", 60)
    return found


def _scraped(web: Role) -> str:
    (metrics,) = (
        int(child)
        for child in Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text().split()
        if Path(f"/proc/{child}/comm").read_text().strip() == "nexus-metrics"
    )
    seconds, before = list[float](), cpu_ms(metrics)
    for _ in range(20):
        begun = time.perf_counter()
        with urllib.request.urlopen(web.metrics, timeout=30) as answer:
            text = answer.read()
        seconds.append(time.perf_counter() - begun)
    cost = (cpu_ms(metrics) - before) / 20
    files = len(list(web.directory.glob(f"{web.name}/web-*/*.db")))
    median = statistics.median(seconds) * 1000
    return f"{len(text):7} bytes {text.count(b'# TYPE')} metrics {files:4} files {median:7.1f} ms {cost:6.1f} ms CPU"


def main() -> None:
    """Both, in one run."""
    with tempfile.TemporaryDirectory(prefix="nexus-tax-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with Stack(directory, webs=1) as stack:
            tax(stack)
            scrapes(stack)


if __name__ == "__main__":
    main()
