"""The same work over RabbitMQ: only the URL of the broker is another one."""

from pathlib import Path

import pytest

from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent
from tests.config.effects import effects, publish
from tests.config.processes import WITH_REACTIONS_OF_TESTS, Role, eventually
from tests.config.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("effects_of_tests")]


def test_work_is_done_once_over_rabbitmq_also_when_it_stops_meanwhile(tmp_path: Path) -> None:
    with RabbitMQ(tmp_path / "rabbitmq") as rabbitmq:
        environment = {"NEXUS_BROKER_URL": rabbitmq.url, "TEST_LEASE_SECONDS": "5"}
        with (
            Role("relay", tmp_path, environment, WITH_REACTIONS_OF_TESTS) as relay,
            Role("worker", tmp_path, environment, WITH_REACTIONS_OF_TESTS) as worker,
        ):
            publish("NumberDrawn", range(200))
            eventually(lambda: len(set(effects())) == 200, "200 effects", timeout=60, role=worker)
            rabbitmq.stop()
            publish("NumberDrawn", range(200, 250))
            eventually(lambda: relay.has_logged("relay_broker_unavailable"), "the relay sees it", role=relay)
            rabbitmq.start()
            eventually(lambda: len(set(effects())) == 250, "the other effects", timeout=60, role=worker)
            eventually(lambda: not Delivery.objects.filter(reaction="note_number").exists(), "no delivery left")
            assert effects() == list(range(250))
            assert not OutboxEvent.objects.exists()
            assert not DeadLetter.objects.exists()
            assert not relay.has_logged("relay_failed")
