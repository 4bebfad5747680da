"""More is asked than the replicas can do: the door sheds early, so that what it lets in is still worth something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from haproxy.tests.conftest import OpenDoor
from haproxy.tests.door import Door
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


def read(_: int) -> Call:
    """Keeps its thread for SERVICE seconds."""
    return Call("GET", f"/api/v1/slow/{SERVICE}")


def goodput(door: Door, *, clients: int, rate: float) -> int:
    """How many answers came in time, while calls arrived for several times a client's patience."""
    seconds = 4 * PATIENCE
    with Load(door.url, door.certificate.ca, rate=rate, clients=clients, mix=read, timeout=PATIENCE) as load:
        load.wait_for(10**6, seconds)
    return len(load.report.ok)
