"""Steady load through HAProxy, no client repeats anything, and things die. The short form of the drills."""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from haproxy.tests.load import Load, Report
from local.role import Role
from nexus.config import metrics
from tests.stack.stack import Mix, Stack

pytestmark = pytest.mark.xdist_group("stack")


@contextmanager
def load(stack: Stack, rate: float = 40) -> Iterator[Load]:
    """Steady load before, during and after what happens inside."""
    people = [stack.sign_up(f"load_{uuid.uuid4().hex[:8]}") for _ in range(8)]
    with Load(stack.door.url, stack.certificate.ca, rate, mix=Mix(people)) as running:
        running.wait_for(30)
        yield running
        running.wait_for(60)


def assert_every_write_happened_once(stack: Stack, report: Report) -> None:
    """What was acknowledged is there once; what was not is there at most once."""
    keys = [outcome.call.key for outcome in report.outcomes if outcome.call.key]
    found = [text for (text,) in stack.rows("SELECT text FROM nexus_post WHERE text = ANY(%s)", keys)]
    assert len(found) == len(set(found))
    assert report.acknowledged_keys - set(found) == set()


def assert_nobody_noticed(stack: Stack, report: Report) -> None:
    assert report.lost == [], report
    assert len(report.ok) > 60
    assert_every_write_happened_once(stack, report)


def workers_of(role: Role) -> list[int]:
    """The processes that gunicorn's master has made and that answer requests."""
    children = Path(f"/proc/{role.pid}/task/{role.pid}/children").read_text().split()
    return [int(pid) for pid in children if _name(pid) not in (None, metrics.NAME)]


def _name(pid: str) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None  # it has ended since it was listed


def test_nobody_notices_that_24_workers_are_killed_one_after_another(stack: Stack) -> None:
    with load(stack) as running:
        complete = len(workers_of(stack.webs[0]))
        for number in range(24):
            os.kill(workers_of(stack.webs[number % 3])[0], signal.SIGKILL)
            # One death at a time: the next one comes when this one is made good and its requests have been answered.
            wait_until(lambda: all(len(workers_of(web)) == complete for web in stack.webs), "the new worker")
            running.wait_for(24)
    assert_nobody_noticed(stack, running.report)


def test_nobody_notices_that_a_whole_replica_dies(stack: Stack) -> None:
    with load(stack) as running:
        stack.webs[0].kill()
        wait_until(lambda: stack.door.states()["web1"] == "DOWN", "the dead replica to be seen")
        running.wait_for(60)
        stack.webs[0].start()
        wait_until(lambda: stack.door.states()["web1"] == "UP", "the replica to come back")
    assert_nobody_noticed(stack, running.report)


def test_nobody_fails_when_a_replica_falls_silent(stack: Stack) -> None:
    silent = [stack.webs[1].pid, *workers_of(stack.webs[1])]
    with load(stack) as running:
        for pid in silent:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: stack.door.states()["web2"] == "DOWN", "the silent replica to be seen")
            running.wait_for(120)
        finally:
            for pid in silent:
                os.kill(pid, signal.SIGCONT)
        wait_until(lambda: stack.door.states()["web2"] == "UP", "the replica to come back")
    assert_nobody_noticed(stack, running.report)


def test_nobody_notices_a_rolling_restart_of_all_replicas_and_a_reload_of_haproxy(stack: Stack) -> None:
    with load(stack) as running:
        for number, web in enumerate(stack.webs, 1):
            web.stop()  # SIGTERM: it drains, then ends
            web.start()
            wait_until(lambda name=f"web{number}": stack.door.states()[name] == "UP", "the new replica")  # type: ignore[misc]
        stack.door.reload()
        running.wait_for(60)
    assert_nobody_noticed(stack, running.report)


def after_a_fault_of_postgres(stack: Stack, fault: Callable[[], None]) -> Report:
    """The report of a load during which Postgres goes away and comes back."""
    with load(stack) as running:
        fault()
        wait_until(lambda: stack.call("GET", "/api/v1/timelines/public")[0] == 200, "Postgres to be used again")
        begun = time.monotonic()
        running.wait_for(120)
    statuses = {outcome.status for outcome in running.report.outcomes}
    assert 500 not in statuses, running.report
    assert statuses <= {200, 201, 503, 504}, running.report
    assert all(outcome.status in (200, 201) for outcome in running.report.outcomes if outcome.started > begun + 3)
    assert_every_write_happened_once(stack, running.report)
    return running.report


def test_a_restart_of_postgres_costs_no_acknowledged_write_and_heals_by_itself(stack: Stack) -> None:
    def restart() -> None:
        stack.postgres.stop()
        stack.postgres.start()

    print(after_a_fault_of_postgres(stack, restart))


def test_a_crash_of_postgres_costs_no_acknowledged_write_and_heals_by_itself(stack: Stack) -> None:
    def crash() -> None:
        stack.postgres.kill()
        time.sleep(1)
        stack.postgres.start()

    print(after_a_fault_of_postgres(stack, crash))


def test_while_redis_is_away_everything_is_read_and_written_and_afterwards_all_effects_come(stack: Stack) -> None:
    with load(stack) as running:
        stack.redis.kill()
        running.wait_for(150)
        stack.redis.start()
        running.wait_for(60)
    assert_nobody_noticed(stack, running.report)
    wait_until(stack.nothing_is_left_to_do, "the outbox to be empty", seconds=90)
    assert stack.rows("SELECT count(*) FROM nexus_deadletter") == [(0,)]
