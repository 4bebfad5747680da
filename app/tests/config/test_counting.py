"""What the relay makes of what the meters say."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from local.ports import free_port
from local.role import Role
from nexus.config import counting
from nexus.domain.status.counting import Tally
from nexus.domain.status.models import StatusDay, StatusSource
from nexus.kernel.outbox import Delivery

TEXT = """
# TYPE nexus_meter_began_timestamp_seconds gauge
nexus_meter_began_timestamp_seconds 1.795e+09
# TYPE nexus_door_duration_seconds histogram
nexus_door_duration_seconds_sum{door="rest",outcome="ok"} 9.0
nexus_door_duration_seconds_bucket{door="rest",le="0.25",outcome="ok"} 80.0
nexus_door_duration_seconds_bucket{door="rest",le="0.5",outcome="ok"} 90.0
nexus_door_duration_seconds_bucket{door="rest",le="+Inf",outcome="ok"} 100.0
nexus_door_duration_seconds_count{door="rest",outcome="ok"} 100.0
nexus_door_duration_seconds_bucket{door="rest",le="0.5",outcome="error"} 3.0
nexus_door_duration_seconds_count{door="rest",outcome="error"} 3.0
nexus_door_duration_seconds_count{door="rest",outcome="shed"} 4.0
nexus_door_duration_seconds_count{door="rest",outcome="limited"} 50.0
nexus_door_duration_seconds_count{door="rest",outcome="left"} 60.0
nexus_door_duration_seconds_count{door="web",outcome="error"} 70.0
"""


def test_errors_and_sheds_are_bad_and_what_the_client_did_is_nothing() -> None:
    found = counting.read(TEXT)
    assert found is not None
    began, sums = found
    assert began.timestamp() == 1_795_000_000
    assert sums["rest-availability"] == Tally(100, 7)
    assert sums["rest-latency"] == Tally(90, 10)
    assert sums["graphql-availability"] == Tally(0, 0)
    assert {name.rpartition("-")[2] for name in sums} == {"availability", "latency"}


def test_a_meter_that_has_not_begun_is_left_for_later() -> None:
    assert counting.read("nexus_build_info 1.0\n") is None


def test_a_name_means_all_of_its_addresses_and_one_that_is_not_known_none() -> None:
    meters = [("localhost", 9106), ("nobody.invalid", 9106), ("127.0.0.2", 1)]
    found = list(counting.addresses(meters))
    assert ("127.0.0.1", 9106) in found
    assert ("127.0.0.2", 1) in found
    assert not [each for each in found if "invalid" in each[0]]


def port_of(meter: Role) -> int:
    return int(meter.metrics.split(":")[2].partition("/")[0])


def send(meter: Role, count: int, *, status: int = 200) -> None:
    """Lines of HAProxy's log; those that come before the meter listens would be lost."""
    wait_until(lambda: counting.read(counting.ask(("127.0.0.1", port_of(meter)))) is not None, "the meter to listen")
    line = {"event": "request", "frontend": "https", "path": "/api/v1/posts", "status": status, "termination": "--"}
    line |= {"queue_ms": 0, "connect_ms": 0, "response_ms": 0, "total_ms": 20}
    host, _, port = meter.address.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(count):
            out.sendto(json.dumps(line).encode(), (host, int(port)))


@contextmanager
def relay(*meters: Role) -> Iterator[None]:
    """The thread that a relay has."""
    stop = threading.Event()
    running = counting.Counting([("127.0.0.1", port_of(meter)) for meter in meters], stop)
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join(30)
        assert not running.is_alive()


def rest() -> tuple[int, int]:
    found = StatusDay.objects.filter(objective="rest-availability").values_list("good", "bad").first()
    return found or (0, 0)


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[list[Role]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
    with ExitStack() as running:
        yield [
            running.enter_context(Role(tmp_path, "meter", kept, port=free_port(), metrics_port=free_port()))
            for _ in range(2)
        ]


@pytest.mark.django_db(transaction=True)
def test_real_meters_are_counted_once_by_two_relays_over_a_restart_and_a_move(
    meters: list[Role], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "EVERY_S", 0.1)
    first, second = meters
    with relay(first, second), relay(first, second):
        send(first, 30)
        send(second, 10, status=500)
        wait_until(lambda: rest() == (30, 10), "both meters to be counted")
        first.kill()
        send(second, 5)
        wait_until(lambda: rest() == (35, 10), "the other meter to be counted")
        first.start()
        send(first, 7)
        wait_until(lambda: rest() == (42, 10), "the restarted meter to be counted")
    send(first, 100)
    assert rest() == (42, 10)
    with relay(first, second):  # where the others have left off
        wait_until(lambda: rest() == (142, 10), "what came meanwhile")
    assert StatusSource.objects.filter(name__startswith="meter").count() == 3


@pytest.mark.django_db(transaction=True)
def test_deliveries_that_wait_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EVERY_S", 0.1)
    Delivery.objects.create(reaction="fan_out_post", payload={}, created_at="2026-01-01T00:00:00Z")
    Delivery.objects.create(reaction="push_post_changed", payload={}, created_at="2026-01-01T00:00:00Z", attempts=1)
    with relay():
        wait_until(StatusSource.objects.exists, "the look")
    assert list(StatusDay.objects.order_by("objective").values_list("objective", "good", "bad")) == [
        ("home-freshness", 0, 1),
        ("live-freshness", 1, 0),
        ("work", 0, 1),
    ]
