"""`make bench`: CPU milliseconds per request by process, beside D0, alternating in one run.

Absolute figures of a shared machine mean nothing; the ratios to D0 do. ROUNDS and REQUESTS may be set by variables.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench.scenarios import Scenario, scenarios
from bench.usage import cpu_ms
from haproxy.tests.door import Door, wait_until
from local.ports import free_port
from local.role import APP
from local.server import Server
from tests.stack.stack import Stack

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
REQUESTS = int(os.environ.get("REQUESTS", "600"))
WARM_UP = 60
CLIENTS = 4
PARTS = ("app", "postgres", "redis", "proxy")
Cost = dict[str, float]


class Reference(Server):
    """D0 under the same server, with the same threads."""

    name = "d0"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.address = f"127.0.0.1:{free_port()}"

    def prepare(self) -> None:
        """Needs nothing."""

    def command(self) -> list[str]:
        """gunicorn as the role web has it."""
        gunicorn = str(Path(sys.executable).parent / "gunicorn")
        options = ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--keep-alive", "75"]
        return [gunicorn, *options, "--bind", self.address, "--chdir", str(ROOT), "bench.d0:application"]

    def is_ready(self) -> bool:
        """Whether it answers."""
        connection = http.client.HTTPConnection(self.address, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Bench:
    """One web replica and D0, each behind HAProxy with TLS."""

    def __init__(self, stack: Stack, reference: Reference, doors: dict[str, Door]) -> None:
        self.stack, self.reference, self.doors = stack, reference, doors

    def parts(self, scenario: Scenario) -> dict[str, int]:
        """The processes whose time counts."""
        door = self.doors[scenario.door]
        if scenario.door == "d0":
            return {"app": self.reference.pid, "proxy": door.pid}
        return {
            "app": self.stack.webs[0].pid,
            "postgres": self.stack.postgres.pid,
            "redis": self.stack.redis.pid,
            "proxy": door.pid,
        }

    def measure(self, scenario: Scenario, first: int) -> Cost:
        """Milliseconds for one request, by part."""
        self._send(scenario, first, WARM_UP)
        before = {part: cpu_ms(pid) for part, pid in self.parts(scenario).items()}
        self._send(scenario, first + WARM_UP, REQUESTS)
        return {part: (cpu_ms(pid) - before[part]) / REQUESTS for part, pid in self.parts(scenario).items()}

    def _send(self, scenario: Scenario, first: int, count: int) -> None:
        with ThreadPoolExecutor(CLIENTS) as clients:
            for done in [clients.submit(self._client, scenario, first + n, first + count) for n in range(CLIENTS)]:
                done.result()

    def _client(self, scenario: Scenario, first: int, end: int) -> None:
        door = self.doors[scenario.door]
        connection = http.client.HTTPSConnection("127.0.0.1", door.port, timeout=30, context=door.client_tls())
        for number in range(first, end, CLIENTS):
            call = scenario.make(number)
            connection.request(call.method, call.path, call.body, dict(call.headers))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400 or b'"errors"' in text:
                raise SystemExit(f"{scenario.name}: {answer.status} {text[:500]!r}")
        connection.close()


def main() -> None:
    """Measures, prints the table and writes bench/results/latest.json."""
    with tempfile.TemporaryDirectory(prefix="nexus-bench-") as name, ExitStack() as running:
        directory = Path(name)
        directory.chmod(0o711)
        stack = running.enter_context(Stack(directory, webs=1))
        reference = running.enter_context(Reference(directory))
        door = running.enter_context(Door(directory / "door-d0", stack.certificate, web=[reference.address]))
        wait_until(lambda: "UP" in door.states().values(), "D0 behind its door")
        bench = Bench(stack, reference, {"d0": door, "nexus": stack.door})
        costs = measure_all(bench, *prepare(stack))
    table = {
        name: {part: statistics.median(cost.get(part, 0.0) for cost in found) for part in PARTS}
        for name, found in costs.items()
    }
    print_table(table)
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    facts = {"rounds": ROUNDS, "requests": REQUESTS, "cpu_ms_per_request": table}
    (results / "latest.json").write_text(json.dumps(facts, indent=2) + "\n")


def prepare(stack: Stack) -> tuple[dict[str, str], list[str]]:
    """The demo community, and one of it who reads: headers, and posts to like."""
    command = [sys.executable, str(APP / "manage.py"), "demo", "--json"]
    shown = subprocess.run(command, env=stack.variables, check=True, capture_output=True, text=True).stdout
    account = json.loads(shown)["accounts"][0]
    login = {"login": account["handle"], "password": account["password"]}
    _, tokens, _ = stack.call("POST", "/api/v1/identity/log-in", login)
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Content-Type": "application/json"}
    _, page, _ = stack.call("GET", "/api/v1/timelines/public?limit=100", headers=headers)
    return headers, [item["post"]["id"] for item in page["items"]]


def measure_all(bench: Bench, headers: dict[str, str], post_ids: list[str]) -> dict[str, list[Cost]]:
    """Every scenario once in each round, so that a slow minute of the machine meets all of them."""
    costs: dict[str, list[Cost]] = defaultdict(list)
    for round_number in range(ROUNDS):
        for scenario in scenarios(headers, post_ids):
            costs[scenario.name].append(bench.measure(scenario, round_number * 2 * (REQUESTS + WARM_UP)))
            print(f"round {round_number + 1} of {ROUNDS}: {scenario.name}", file=sys.stderr)
    return costs


def print_table(table: dict[str, Cost]) -> None:
    """CPU ms per request by part, their sum, and the sum beside D0's."""
    reference = sum(table["D0"].values())
    print(f"{'CPU ms per request':26}" + "".join(f"{part:>10}" for part in (*PARTS, "sum", "x D0")))
    for name, cost in table.items():
        total = sum(cost.values())
        print(
            f"{name:26}" + "".join(f"{cost[part]:10.3f}" for part in PARTS) + f"{total:10.3f}{total / reference:10.2f}"
        )


if __name__ == "__main__":
    main()
