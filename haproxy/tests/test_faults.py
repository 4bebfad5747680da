"""What clients notice, under steady load and without repeating anything themselves, when replicas die."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from haproxy.tests.conftest import Farm
from haproxy.tests.door import CONFIGURATION, wait_until
from haproxy.tests.load import Load, Report
from haproxy.tests.replica import WORKERS, Replica

MakeFarm = Callable[..., Farm]
Fault = Callable[[Farm, Load], None]
KILLS = 24


def test_nobody_notices_that_24_workers_are_killed_one_after_another(make_farm: MakeFarm) -> None:
    assert_nothing_lost(*load_while(make_farm(), kill_workers))


def test_with_the_default_retries_of_haproxy_the_same_kills_are_noticed(make_farm: MakeFarm, tmp_path: Path) -> None:
    words = re.compile(r"^ +(option redispatch|retry-on|http-request disable-l7-retry).*\n", re.MULTILINE)
    defaults, count = words.subn("", CONFIGURATION.read_text())
    assert count == 8  # of the web replicas' defaults, their two backends, live, and Postgres
    control = tmp_path / "control.cfg"
    control.write_text(defaults)
    _, report = load_while(make_farm(configuration=control), kill_workers)
    assert len(report.lost) > 0, report


def test_nobody_notices_that_a_whole_replica_dies(make_farm: MakeFarm) -> None:
    def kill_one(farm: Farm, load: Load) -> None:
        farm.replicas[0].kill()
        wait_until(lambda: farm.door.states()["web1"] == "DOWN", "the dead replica to be seen")
        load.wait_for(60)

    assert_nothing_lost(*load_while(make_farm(), kill_one))


def test_nobody_fails_when_a_replica_falls_silent(make_farm: MakeFarm) -> None:
    def silence_one(farm: Farm, load: Load) -> None:
        farm.replicas[0].silence()
        try:
            wait_until(lambda: farm.door.states()["web1"] == "DOWN", "the silent replica to be seen")
            load.wait_for(120)
        finally:
            farm.replicas[0].wake()

    assert_nothing_lost(*load_while(make_farm(), silence_one))


def test_nobody_notices_reloads(make_farm: MakeFarm) -> None:
    def reload(farm: Farm, load: Load) -> None:
        for _ in range(5):
            farm.door.reload()
            load.wait_for(60)

    assert_nothing_lost(*load_while(make_farm(), reload))


def test_nobody_notices_a_rolling_restart(make_farm: MakeFarm) -> None:
    def restart_all(farm: Farm, load: Load) -> None:
        for number, replica in enumerate(farm.replicas, 1):
            replica.drain()
            wait_for_state(farm, f"web{number}", "NOLB")
            replica.stop()
            replica.start()
            wait_for_state(farm, f"web{number}", "UP")

    assert_nothing_lost(*load_while(make_farm(), restart_all))


def load_while(farm: Farm, break_something: Fault) -> tuple[Farm, Report]:
    """Runs the load before, during and after the fault."""
    with Load(farm.door.url, farm.door.certificate.ca) as load:
        load.wait_for(30)
        break_something(farm, load)
        load.wait_for(30)
    print(load.report)
    return farm, load.report


def kill_workers(farm: Farm, load: Load) -> None:
    """One after another: gunicorn has started the next one by then, and no call has to survive more than one death."""
    for number in range(KILLS):
        replica = farm.replicas[number % len(farm.replicas)]
        victims = wait_for_workers(replica)
        os.kill(victims[0], signal.SIGKILL)
        load.wait_for_running()
        load.wait_for(15)


def wait_for_workers(replica: Replica) -> list[int]:
    """The worker processes, oldest first, once all are there."""
    wait_until(lambda: len(replica.worker_pids()) == WORKERS, "gunicorn's new worker")
    return sorted(replica.worker_pids())


def wait_for_state(farm: Farm, server: str, state: str) -> None:
    """Until the door sees the replica that way."""
    wait_until(lambda: farm.door.states()[server] == state, f"{server} to be {state}")


def assert_nothing_lost(farm: Farm, report: Report) -> None:
    """Every call had a good answer, and every write that was acknowledged is there, once."""
    assert len(report.outcomes) > 60, report
    assert report.lost == [], report
    assert report.acknowledged_keys == farm.keys()
