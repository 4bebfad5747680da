"""Replicas found by DNS, as in a cluster: they come, and they stay when the name server does not."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from haproxy.tests.conftest import OpenDoor
from haproxy.tests.door import Door, wait_until
from haproxy.tests.names import Names
from haproxy.tests.replica import Replica
from local.ports import free_port

# One port, an address each: what a headless Service looks like.
HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where a replica listens on each of the addresses."""
    effects, number = tmp_path / "effects", free_port()
    effects.mkdir()
    with ExitStack() as stack:
        for host in HOSTS:
            stack.enter_context(Replica(tmp_path / host, effects, host=host, port=number))
        yield number


def by_name(names: Names, port: int, **more: str) -> dict[str, str]:
    """The variables of a door that asks the name server."""
    return {
        "WEB_HOST": "web.nexus.test",
        "WEB_PORT": str(port),
        "WEB_COUNT": "4",
        "RESOLVER": names.address,
        **more,
    }


def test_replicas_that_dns_names_get_requests_and_new_ones_are_taken_up(port: int, open_door: OpenDoor) -> None:
    with Names(free_port(), HOSTS[:2]) as names:
        door = open_door(variables=by_name(names, port))
        wait_until(lambda: up(door) == 2, "two replicas")
        assert answering(door) == set(HOSTS[:2])
        names.addresses = HOSTS
        wait_until(lambda: up(door) == 3, "the third replica")
        assert answering(door) == set(HOSTS)


def test_a_name_server_that_falls_silent_takes_no_replica_away(port: int, open_door: OpenDoor) -> None:
    with Names(free_port(), HOSTS) as names:
        door = open_door(variables=by_name(names, port))
        wait_until(lambda: up(door) == 3, "three replicas")
        names.silent = True
        wait_until(lambda: names.ignored >= 5, "questions without an answer")
        assert answering(door) == set(HOSTS)


def test_the_fallback_answers_while_dns_names_nobody(port: int, open_door: OpenDoor) -> None:
    with Names(free_port(), []) as names:
        door = open_door(variables=by_name(names, port, WEB_FALLBACK=f"{HOSTS[0]}:{port}"))
        wait_until(lambda: door.states()["fallback"] == "UP", "the fallback")
        assert answering(door) == {HOSTS[0]}


def up(door: Door) -> int:
    """How many replicas get requests."""
    return sum(state == "UP" for name, state in door.states().items() if name != "fallback")


def answering(door: Door) -> set[str]:
    """Which replicas answer thirty requests."""
    with httpx.Client(verify=door.client_tls()) as client:
        answers = [client.get(f"{door.url}/api/v1/read") for _ in itertools.repeat(None, 30)]
    assert {answer.status_code for answer in answers} == {200}
    return {answer.json()["replica"] for answer in answers}
