"""More is asked than the replicas can do: the door sheds early, so that what it lets in is still worth something."""

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from haproxy.tests.conftest import OpenDoor
from haproxy.tests.door import CONFIGURATION, Door, wait_until
from haproxy.tests.load import Call, Load
from haproxy.tests.replica import Replica

THREADS = 8  # of the one replica: six for reads, two for writes
SERVICE = 0.4  # seconds that one request keeps its thread
PATIENCE = 3.0  # seconds after which a client has no use for the answer
CAPACITY = 6 / SERVICE
SHEDDING = {"WEB_MAXCONN": "6", "WRITES_MAXCONN": "2"}
# Everything that comes is passed on.
LETTING_IN = {"WEB_MAXCONN": "100000", "WRITES_MAXCONN": "100000"}


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    """One whose capacity is known: its requests sleep."""
    effects = tmp_path / "effects"
    effects.mkdir()
    with Replica(tmp_path / "replica-1", effects, workers=1, threads=THREADS) as one:
        yield one


def test_at_three_times_its_capacity_it_does_four_fifths_of_what_it_can(replica: Replica, open_door: OpenDoor) -> None:
    shedding, letting_in = (open_door(web=[replica.address], variables=limits) for limits in (SHEDDING, LETTING_IN))
    possible = goodput(shedding, clients=6, rate=CAPACITY)
    with_shedding = goodput(shedding, clients=round(3 * CAPACITY * PATIENCE), rate=3 * CAPACITY)
    without = goodput(letting_in, clients=round(3 * CAPACITY * PATIENCE), rate=3 * CAPACITY)
    print(f"of {possible} possible answers in time: {with_shedding} with shedding, {without} without")
    assert with_shedding >= 0.8 * possible
    assert without < 0.7 * with_shedding


def test_a_burst_of_writes_may_wait_and_a_lasting_overload_may_not(
    replica: Replica, open_door: OpenDoor, tmp_path: Path
) -> None:
    text, count = re.subn(r"gpc0_rate\(15s\)", "gpc0_rate(1s)", CONFIGURATION.read_text())
    assert count == 1
    sooner = tmp_path / "sooner.cfg"
    sooner.write_text(text)
    door = open_door(web=[replica.address], variables=SHEDDING, configuration=sooner)
    assert burst(door) == {200}
    with Load(door.url, door.certificate.ca, rate=30, clients=40, mix=write) as load:
        wait_until(lambda: shed_at_once(door) > 10, "shedding")
        # What is let in now waits for no longer than the three before it on each of the two threads.
        wait_until(lambda: door.counter("writes", "qcur") <= 3 * 2, "the long queue to be gone")
        load.wait_for(30)
    assert {outcome.status for outcome in load.report.outcomes} == {200, 503}
    assert burst(door) == {200}


def test_an_application_that_became_slow_is_not_asked_again_and_again(
    replica: Replica, open_door: OpenDoor, tmp_path: Path
) -> None:
    text, count = re.subn(r"^( +acl is_slow ).*$", r"\1always_false", CONFIGURATION.read_text(), flags=re.MULTILINE)
    assert count == 1
    control = tmp_path / "control.cfg"
    control.write_text(text)
    with Replica(tmp_path / "replica-2", replica.effects, workers=1, threads=THREADS) as other:
        ours = open_door(web=[replica.address], variables=SHEDDING)
        theirs = open_door(web=[other.address], variables=SHEDDING, configuration=control)
        with late_reads(ours) as patient, late_reads(theirs) as asking_again:
            wait_until(lambda: statuses(patient)[-6:] == [200] * 6, "answers, now that nothing is repeated", seconds=60)
    assert 200 not in statuses(asking_again)


def read(_: int, seconds: float = SERVICE) -> Call:
    """Keeps its thread for so long."""
    return Call("GET", f"/api/v1/slow/{seconds}")


def write(_: int) -> Call:
    """As long, with a key of its own."""
    key = str(uuid.uuid4())
    return Call("POST", f"/api/v1/slow/{SERVICE}", {"Idempotency-Key": key}, b"{}", key)


def goodput(door: Door, *, clients: int, rate: float) -> int:
    """How many answers came in time, while calls arrived for several times a client's patience."""
    seconds = 4 * PATIENCE
    with Load(door.url, door.certificate.ca, rate=rate, clients=clients, mix=read, timeout=PATIENCE) as load:
        load.wait_for(10**6, seconds)
    return len(load.report.ok)


def burst(door: Door) -> set[int]:
    """The answers to as many writes at once as take ten turns of their threads."""
    with (
        httpx.Client(base_url=door.url, verify=door.client_tls(), timeout=15) as client,
        ThreadPoolExecutor(20) as many,
    ):
        answers = list(many.map(lambda _: client.post(f"/api/v1/slow/{SERVICE}", json={}), range(20)))
    return {answer.status_code for answer in answers}


def shed_at_once(door: Door) -> int:
    """Writes that were refused without having waited."""
    lines = [line for line in door.access_log() if line["backend"] == "writes" and line["status"] == 503]
    return sum(line["queue_ms"] in (-1, 0) for line in lines)


def late_reads(door: Door) -> Load:
    """Reads that need longer than one try may take, fewer than the replica has threads for."""
    return Load(door.url, door.certificate.ca, rate=2, clients=24, mix=lambda number: read(number, 2.3))


def statuses(load: Load) -> list[int | None]:
    """How the calls ended so far."""
    return [outcome.status for outcome in load.report.outcomes]
