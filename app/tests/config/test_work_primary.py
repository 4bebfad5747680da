"""Relay and worker while the primary is away or falls silent: they wait for it, and lose and double nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from local.ports import free_port
from local.redis import Redis
from nexus.kernel.outbox import DeadLetter
from tests.config.effects import effects, publish
from tests.config.processes import WITH_REACTIONS_OF_TESTS, Role, database_url, eventually
from tests.kernel.road import Road

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("effects_of_tests")]


@pytest.fixture
def road() -> Iterator[Road]:
    """From the roles to the database of the test, which the test itself sees without it."""
    with Road(int(connection.settings_dict["PORT"])) as found:
        yield found


@pytest.fixture
def roles(tmp_path: Path, road: Road) -> Iterator[tuple[Role, Role]]:
    """A relay and a worker that work."""
    with Redis(tmp_path, free_port()) as broker:
        environment = {
            "NEXUS_BROKER_URL": broker.url,
            "NEXUS_DATABASE_URL": database_url().replace(f":{road.to}/", f":{road.port}/"),
        }
        made = [Role(name, tmp_path, environment, program=WITH_REACTIONS_OF_TESTS) for name in ("relay", "worker")]
        with made[0], made[1]:
            publish("NumberDrawn", range(10))
            eventually(lambda: effects() == list(range(10)), "the first effects", role=made[1])
            yield made[0], made[1]


def test_a_primary_that_is_away_for_a_while_is_used_as_soon_as_it_is_back(road: Road, roles: tuple[Role, Role]) -> None:
    there = road.to
    road.lead(None)
    publish("NumberDrawn", range(10, 30))
    eventually(lambda: roles[0].events().count("relay_database_unavailable") > 2, "the relay to miss it")
    road.lead(there)
    eventually(lambda: effects() == list(range(30)), "all effects", role=roles[1])
    assert not DeadLetter.objects.exists()


def test_a_road_that_falls_silent_holds_neither_of_them(road: Road, roles: tuple[Role, Role]) -> None:
    there = road.to
    road.fall_silent()
    publish("NumberDrawn", range(10, 30))
    # It has given up the connection that was there and found that no other can be made.
    eventually(lambda: roles[0].has_logged("primary_away"), "the relay to give up")
    road.lead(there)
    road.speak()
    eventually(lambda: effects() == list(range(30)), "all effects", role=roles[1])
    assert not DeadLetter.objects.exists()
