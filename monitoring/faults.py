"""What `make watch-drill` breaks, and the alert that each must ring."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg2

from haproxy.tests.door import wait_until
from local.ports import free_port
from local.server import Server
from local.state import ROOT
from monitoring.used import LIKES
from tests.stack.stack import Stack

SLOW_MS: Final = 200
FLOOD: Final = 40_000
_FLOOD: Final = """
INSERT INTO nexus_outboxevent (id, name, payload, request_id, created_at)
SELECT id + number, name, payload, request_id, created_at
FROM (SELECT * FROM nexus_outboxevent ORDER BY id DESC LIMIT 1) AS one, generate_series(1, %s) AS number
"""
_BREAK_LIKES: Final = """
CREATE FUNCTION drill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''of the drill''; END';
CREATE TRIGGER drill BEFORE INSERT OR DELETE ON nexus_like FOR EACH STATEMENT EXECUTE FUNCTION drill();
"""


class Road(Server):
    """The way to Postgres, on which every answer can be made late: that of the laboratory."""

    name = "road"

    def __init__(self, directory: Path, target: str) -> None:
        super().__init__(directory)
        self.port, self._target = free_port(), target

    def prepare(self) -> None:
        """Not late at first."""
        self.directory.mkdir(exist_ok=True)
        self.be_late(0)

    def command(self) -> list[str]:
        """One process."""
        return [sys.executable, "-m", "drills.lab.relay", f"127.0.0.1:{self.port}", self._target, "delay"]

    def environment(self) -> dict[str, str]:
        """Where its module is."""
        return {"PYTHONPATH": str(ROOT)}

    def is_ready(self) -> bool:
        """Who connects too early tries again."""
        return True

    def be_late(self, ms: int) -> None:
        """Every answer from now on."""
        (self.directory / "delay").write_text(str(ms))


class BreakableStack(Stack):
    """One whose roles reach Postgres by a road."""

    def _variables(self) -> dict[str, str]:
        self.road = Road(self.directory / "road", f"127.0.0.1:{self.postgres.port}")
        by_road = self.postgres.url.replace(f":{self.postgres.port}/", f":{self.road.port}/")
        return {**super()._variables(), "NEXUS_DATABASE_URL": by_road}

    def __enter__(self) -> "BreakableStack":
        self.road.start()
        try:
            super().__enter__()
        except BaseException:
            self.road.stop()
            raise
        return self

    def __exit__(self, *of: object) -> None:
        super().__exit__(*of)
        self.road.stop()

    def run_sql(self, sql: str, *parameters: object) -> None:
        """As the owner of the database."""
        connection = psycopg2.connect(self.postgres.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
        finally:
            connection.close()

    def kill_two_webs(self) -> None:
        """As a crash of their machines does."""
        for web in self.webs[:2]:
            web.kill()

    def flood(self) -> None:
        """An event of somebody's, many thousand times at once."""
        for relay in self.relays:
            os.kill(relay.pid, signal.SIGSTOP)
        wait_until(lambda: self.rows("SELECT count(*) FROM nexus_outboxevent") != [(0,)], "an event")
        self.run_sql(_FLOOD, FLOOD)
        for relay in self.relays:
            os.kill(relay.pid, signal.SIGCONT)

    def drain(self) -> None:
        """What the flood has left."""
        self.run_sql("DELETE FROM nexus_outboxevent")
        self.run_sql("DELETE FROM nexus_delivery")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken, the alert that must be told, and those that may be because they are the same matter."""

    name: str
    alert: str
    breaks: Callable[[BreakableStack], object]
    heals: Callable[[BreakableStack], object]
    related: frozenset[str] = frozenset()


def _start(*servers: Server) -> None:
    for server in servers:
        server.start()


def _stop(*servers: Server) -> None:
    for server in servers:
        server.stop()


# On one machine all share its processors: where web has fewer, or the worker takes more, users wait.
_SLOWER: Final = frozenset({"NexusLatencyBudgetBurns"})
_LATE: Final = frozenset({"NexusFreshnessBudgetBurns", "NexusOutboxStuck", "NexusWorkerSilent"})
FAULTS: Final = (
    Fault(
        "two of three web replicas are killed",
        "NexusReplicasMissing",
        BreakableStack.kill_two_webs,
        lambda stack: _start(*stack.webs[:2]),
        _SLOWER,
    ),
    Fault("the worker is stopped", "NexusWorkerAway", lambda s: s.worker.stop(), lambda s: s.worker.start()),
    Fault(
        "both relays are stopped",
        "NexusRelayAway",
        lambda stack: _stop(*stack.relays),
        lambda stack: _start(*stack.relays),
    ),
    Fault("Redis is killed", "NexusRedisAway", lambda s: s.redis.kill(), lambda s: s.redis.start()),
    Fault("Postgres is killed", "NexusPostgresPrimaryAway", lambda s: s.postgres.kill(), lambda s: s.postgres.start()),
    Fault(
        f"{FLOOD:,} events come at once",
        "NexusQueueFull",
        BreakableStack.flood,
        BreakableStack.drain,
        _LATE | _SLOWER,
    ),
    Fault(
        f"every answer of Postgres is {SLOW_MS} ms late",
        "NexusLatencyBudgetBurns",
        lambda stack: stack.road.be_late(SLOW_MS),
        lambda stack: stack.road.be_late(0),
        _LATE | {"NexusAvailabilityBudgetBurns", "NexusProxyCapacityShort"},
    ),
    Fault(
        f"one call of {LIKES} fails",
        "NexusAvailabilityBudgetBurns",
        lambda stack: stack.run_sql(_BREAK_LIKES),
        lambda stack: stack.run_sql("DROP FUNCTION drill CASCADE"),
    ),
)
