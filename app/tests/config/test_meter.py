"""What the meter makes of a line of HAProxy's log."""

import json

import pytest
from prometheus_client import REGISTRY

from nexus.config import meter
from nexus.config.environment import BadEnvironment, load

LINE = {
    "event": "request",
    "frontend": "https",
    "path": "/api/v1/posts",
    "status": 201,
    "termination": "--",
    "queue_ms": 5,
    "connect_ms": 1,
    "response_ms": 20,
    "total_ms": 40,
}


def counted(door: str, outcome: str, name: str = "count") -> float:
    labels = {"door": door, "outcome": outcome}
    return REGISTRY.get_sample_value(f"nexus_door_duration_seconds_{name}", labels) or 0.0


def unread() -> float:
    return REGISTRY.get_sample_value("nexus_meter_lines_unread_total") or 0.0


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/api/v1/posts", "rest"),
        ("/api/v1/live", "live"),
        ("/api/v1/live/", "live"),
        ("/graphql", "graphql"),
        ("/graphql/", "graphql"),
        ("/api/v1/identity/log-in", "sign_in"),
        ("/api/v1/identity/refresh", "sign_in"),
        ("/api/v1/identity/sign-up", "rest"),
        ("/api/v1/status", "web"),
        ("/", "web"),
        ("/admin/login/", "web"),
        ("/apiary", "web"),
    ],
)
def test_a_path_belongs_to_a_door(path: str, door: str) -> None:
    assert meter.door_of(path) == door


@pytest.mark.parametrize(
    ("door", "status", "termination", "outcome"),
    [
        ("rest", 200, "--", "ok"),
        ("rest", 404, "--", "ok"),
        ("rest", 429, "PR", "limited"),
        ("rest", 503, "sQ", "shed"),
        ("rest", 500, "--", "error"),
        ("rest", 504, "sH", "error"),
        ("rest", 200, "SD", "error"),
        ("rest", -1, "CR", "left"),
        ("rest", 200, "cD", "left"),
        ("live", 200, "CD", "ok"),
        ("live", 200, "SD", "ok"),
        ("live", 503, "SC", "shed"),
    ],
)
def test_what_became_of_it(door: str, status: int, termination: str, outcome: str) -> None:
    assert meter.outcome_of(door, status, termination) == outcome


def test_a_request_is_counted_with_all_its_time() -> None:
    before, seconds = counted("rest", "ok"), counted("rest", "ok", "sum")
    meter.count(json.dumps(LINE).encode())
    assert counted("rest", "ok") == before + 1
    assert counted("rest", "ok", "sum") == pytest.approx(seconds + 0.04)


def test_of_a_stream_only_the_wait_for_its_beginning_counts() -> None:
    before = counted("live", "ok", "sum")
    meter.count(json.dumps({**LINE, "path": "/api/v1/live", "status": 200, "total_ms": 900_000}).encode())
    assert counted("live", "ok", "sum") == pytest.approx(before + 0.026)


@pytest.mark.parametrize("row", [{**LINE, "event": "connection_failed"}, {**LINE, "frontend": "http"}])
def test_other_lines_are_passed_over(row: dict[str, object]) -> None:
    before, strange = counted("rest", "ok"), unread()
    meter.count(json.dumps(row).encode())
    meter.count(b"Server web/web2 is DOWN, reason: Layer4 connection problem\n")
    assert (counted("rest", "ok"), unread()) == (before, strange)


@pytest.mark.parametrize("line", [b'{"event":"request", cut off', b"{}", json.dumps({**LINE, "status": None}).encode()])
def test_what_it_does_not_understand_is_told(line: bytes) -> None:
    before = unread()
    meter.count(line)
    assert unread() == before + 1


def test_it_needs_no_secret_and_refuses_what_is_no_address() -> None:
    found = load({"NEXUS_METER_BIND": "127.0.0.1:5141"}, "meter")
    assert found.meter_bind == "127.0.0.1:5141"
    assert not found.secret_key
    with pytest.raises(BadEnvironment, match="NEXUS_METER_BIND"):
        load({"NEXUS_METER_BIND": "nowhere"}, "meter")
