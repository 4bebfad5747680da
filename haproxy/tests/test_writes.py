"""Writes have threads and a queue of their own: what waits for the primary takes nothing away from reads."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from haproxy.tests.conftest import Farm, OpenDoor
from haproxy.tests.door import CONFIGURATION, Door, wait_until
from haproxy.tests.load import Call, Load, Report, two_reads_one_keyed_write

MakeFarm = Callable[..., Farm]
KEY = {"Idempotency-Key": "5e3c7a52-0d0f-4d07-9f3b-1f6f2a1c9f10"}
# More than all threads of three replicas.
WRITERS, READERS = 60, 6


def client_of(door: Door) -> httpx.Client:
    """A client that trusts the door's authority."""
    return httpx.Client(base_url=door.url, verify=door.client_tls(), timeout=15)


@pytest.mark.parametrize(
    ("method", "path", "headers", "backend"),
    [
        ("GET", "/api/v1/read", {}, "web"),
        ("GET", "/api/v1/read", KEY, "web"),
        ("POST", "/api/v1/posts", KEY, "writes"),
        ("POST", "/api/v1/posts", {}, "writes"),
        ("DELETE", "/%61pi/v1/posts/1", {}, "writes"),
        ("POST", "/graphql", KEY, "writes"),
        ("POST", "/graphql/", KEY, "writes"),
        ("POST", "/graphql", {}, "web"),
        ("GET", "/graphql", KEY, "web"),
        ("POST", "/admin/login/", KEY, "web"),
    ],
)
def test_what_counts_as_a_write(
    method: str, path: str, headers: dict[str, str], backend: str, open_door: OpenDoor
) -> None:
    door = open_door(web=["127.0.0.1:1"])
    with client_of(door) as client:
        client.request(method, path, headers=headers)
    wait_until(lambda: bool(door.access_log()), "the line in the log")
    assert [line["backend"] for line in door.access_log()] == [backend]


def test_no_read_waits_while_more_writes_than_threads_wait_for_the_primary(make_farm: MakeFarm) -> None:
    farm = make_farm()
    reads, writes = load_without_primary(farm)
    assert reads.lost == [], reads
    # And the pause of the primary was a pause for the writes: none failed, each was done, once.
    assert writes.lost == [], writes
    assert writes.acknowledged_keys == farm.keys()


def test_with_one_backend_for_everything_the_same_writes_stop_the_reads(make_farm: MakeFarm, tmp_path: Path) -> None:
    text, count = re.subn(r"^ +use_backend writes .*\n", "", CONFIGURATION.read_text(), flags=re.MULTILINE)
    assert count == 1
    control = tmp_path / "control.cfg"
    control.write_text(text)
    farm = make_farm(configuration=control, variables={"WEB_MAXCONN": "16"})
    reads, _ = load_without_primary(farm)
    assert len(reads.lost) > 0, reads


def test_a_write_that_waits_for_longer_than_a_try_is_asked_again_and_done_once(make_farm: MakeFarm) -> None:
    farm = make_farm()
    key = str(uuid.uuid4())
    with client_of(farm.door) as client, ThreadPoolExecutor(1) as threads:
        with farm.primary_away():
            answer = threads.submit(client.post, "/api/v1/posts", headers={"Idempotency-Key": key}, json={})
            wait_until(lambda: queued_or_running(farm.door) == 1, "the write to wait")
            wait_until(lambda: farm.door.counter("writes", "wredis") == 1, "the second try")
        assert answer.result().status_code == 200
    assert farm.keys() == {key}


def test_a_write_that_does_not_fit_into_the_queue_is_shed_at_once_and_reads_are_not(
    make_farm: MakeFarm,
) -> None:
    farm = make_farm(variables={"WRITES_MAXCONN": "1", "WRITES_QUEUE": "2"})
    with client_of(farm.door) as client, ThreadPoolExecutor(8) as threads, farm.primary_away():
        waiting = [threads.submit(client.post, "/api/v1/posts", json={}) for _ in range(5)]
        wait_until(lambda: queued_or_running(farm.door) == 5, "three writes to run and two to wait")
        shed = client.post("/api/v1/posts", json={}, headers=KEY)
        read = client.get("/api/v1/read")
        assert not any(answer.done() for answer in waiting)
    assert {answer.result().status_code for answer in waiting} == {200}
    assert (shed.status_code, shed.json()["code"], read.status_code) == (503, "unavailable", 200)
    assert 1 <= int(shed.headers["Retry-After"]) <= 3


@pytest.mark.parametrize(("method", "backend"), [("GET", "web"), ("POST", "writes")])
def test_a_draining_replica_ends_its_requests_and_gets_no_new_ones(
    method: str, backend: str, make_farm: MakeFarm
) -> None:
    farm = make_farm()
    with client_of(farm.door) as client, ThreadPoolExecutor(6) as threads:
        running = [threads.submit(client.request, method, "/api/v1/slow/1.5") for _ in range(6)]
        wait_until(lambda: queued_or_running(farm.door, backend) == 6, "requests to run")
        farm.replicas[0].drain()
        wait_until(lambda: farm.door.states(backend)["web1"].startswith("NOLB"), "draining to be seen")
        after = {client.request(method, "/api/v1/read").json()["replica"] for _ in range(12)}
        answers = [future.result() for future in running]
    assert {answer.status_code for answer in answers} == {200}
    assert "replica-1" in {answer.json()["replica"] for answer in answers}
    assert after == {"replica-2", "replica-3"}


def test_a_replica_is_checked_once_for_both_backends(make_farm: MakeFarm) -> None:
    door = make_farm().door
    assert set(door.checks("web").values()) == {"L7OK"}
    assert set(door.checks("writes").values()) == {""}


def load_without_primary(farm: Farm) -> tuple[Report, Report]:
    """The reads and the writes of a time in the middle of which the primary is away for longer than a read may wait."""
    url, ca = farm.door.url, farm.door.certificate.ca
    reads = Load(url, ca, rate=30, clients=READERS, mix=lambda _: Call("GET", "/api/v1/read"))
    writes = Load(url, ca, rate=WRITERS, clients=WRITERS, mix=lambda number: two_reads_one_keyed_write(3 * number + 2))
    with reads, writes:
        writes.wait_for(30)
        with farm.primary_away():
            wait_until(lambda: queued_or_running(farm.door) + queued_or_running(farm.door, "web") >= WRITERS, "writes")
            reads.wait_for(90)
        writes.wait_for(30)
    return reads.report, writes.report


def queued_or_running(door: Door, backend: str = "writes") -> int:
    """Requests that are in the backend now."""
    return door.counter(backend, "scur")
