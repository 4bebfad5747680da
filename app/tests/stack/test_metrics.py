"""What monitoring stands on is there, measured at the running whole."""

import re
import time
import urllib.request
import uuid
from contextlib import suppress

import pytest

from haproxy.tests.door import wait_until
from local.role import Role
from monitoring.known import FOREIGN
from tests.stack.client import PASSWORD
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def scraped(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def value(role: Role, series: str) -> float:
    """The sum of a metric's samples whose labels contain what stands in the braces."""
    name, _, labels = series.rstrip("}").partition("{")
    wanted = labels.split(",") if labels else []
    found = 0.0
    for line in scraped(role.metrics).splitlines():
        sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if sample and sample[1] == name and all(each in (sample[2] or "") for each in wanted):
            found += float(sample[3])
    return found


def test_the_meter_counts_what_users_got_at_each_door(stack: Stack) -> None:
    doors = ("rest", "graphql", "sign_in", "web")
    before = {
        door: value(stack.meter, f'nexus_door_duration_seconds_count{{door="{door}",outcome="ok"}}') for door in doors
    }
    person = stack.sign_up(f"metered_{uuid.uuid4().hex[:8]}")
    stack.call("POST", "/graphql", {"query": "{ __typename }"}, person.headers)
    stack.call("POST", "/api/v1/identity/log-in", {"login": person.handle, "password": PASSWORD})
    stack.call("GET", "/no-such-page")

    def is_counted(door: str) -> bool:
        return value(stack.meter, f'nexus_door_duration_seconds_count{{door="{door}",outcome="ok"}}') > before[door]

    wait_until(lambda: all(is_counted(door) for door in doors), "a request at every door")
    assert value(stack.meter, "nexus_meter_lines_unread_total") == 0
    assert value(stack.meter, "nexus_certificate_expires_timestamp_seconds") > time.time()


def test_a_door_without_replicas_is_seen_where_users_are(stack: Stack) -> None:
    shed = 'nexus_door_duration_seconds_count{door="live",outcome="shed"}'
    before = value(stack.meter, shed)
    stack.live.stop()
    try:
        wait_until(lambda: stack.call("GET", "/api/v1/live")[0] == 503, "no live replica")
        wait_until(lambda: value(stack.meter, shed) > before, "the refusal in the meter's figures")
    finally:
        stack.live.start()
        wait_until(lambda: set(stack.door.states("live").values()) == {"UP"}, "live again")


def test_the_relay_tells_how_postgres_and_redis_are(stack: Stack) -> None:
    relay = stack.relays[0]
    wait_until(lambda: value(relay, "nexus_postgres_connections") > 0, "the relay's first look")
    assert value(relay, "nexus_postgres_connections_limit") > value(relay, "nexus_postgres_connections")
    assert value(relay, "nexus_postgres_size_bytes") > 1e6
    assert value(relay, "nexus_postgres_is_synchronous") == 0
    assert value(relay, "nexus_redis_up") == 1
    assert value(relay, "nexus_redis_memory_bytes") > 0


def test_the_way_of_a_post_to_its_readers_is_measured(stack: Stack) -> None:
    delay = 'nexus_reaction_delay_seconds_count{reaction="fan_out_post"}'
    before = value(stack.worker, delay)
    person = stack.sign_up(f"timed_{uuid.uuid4().hex[:8]}")
    key = {**person.headers, "Idempotency-Key": str(uuid.uuid4())}
    assert stack.call("POST", "/api/v1/posts", {"text": "timed"}, key)[0] == 201
    wait_until(lambda: value(stack.worker, delay) > before, "the fan-out's delay")


def series(stack: Stack) -> set[str]:
    """Name and labels of everything that those who see requests have."""
    texts = [scraped(role.metrics) for role in (*stack.webs, stack.live, stack.meter)]
    return {line.rpartition(" ")[0] for text in texts for line in text.splitlines() if not line.startswith("#")}


def test_ids_paths_and_methods_of_somebodys_choice_are_in_no_label(stack: Stack) -> None:
    person = stack.sign_up(f"curious_{uuid.uuid4().hex[:8]}")

    def ask(choice: int) -> None:
        for method, path in (
            ("GET", f"/api/v1/posts/{choice}"),
            ("GET", f"/api/v1/users/@nobody_{choice}"),
            ("GET", f"/nowhere/{choice}"),
            ("GET", f"/api/v1/nowhere/{choice}"),
            (f"BREW{choice}", "/api/v1/posts"),
        ):
            with suppress(ValueError):  # a page is no JSON
                stack.call(method, path, None, person.headers)

    def metered() -> float:
        return value(stack.meter, "nexus_door_duration_seconds_count")

    for choice in range(12):  # so that each replica has met each kind
        ask(choice)
    before, count = series(stack), metered()
    for choice in range(1000, 1030):
        ask(choice)
    wait_until(lambda: metered() >= count + 150, "all of them in the meter's figures")
    assert series(stack) - before == set()


def test_haproxy_has_what_the_rules_name(stack: Stack) -> None:
    text = scraped(f"http://127.0.0.1:{stack.door.metrics_port}/metrics")
    for name, labels in FOREIGN.items():
        if name.startswith("haproxy_"):
            sample = re.search(rf"^{name}(?:\{{(.*)\}})? ", text, re.MULTILINE)
            assert sample, name
            assert set(re.findall(r'(\w+)="', sample[1] or "")) >= labels
