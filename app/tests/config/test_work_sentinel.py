"""The broker behind real Sentinels: relay and worker go on at the next master, whatever happened to the last one."""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from local.sentinel import MASTER, Node, SentinelGroup
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent
from tests.config.effects import effects, publish
from tests.config.processes import WITH_REACTIONS_OF_TESTS, Role, eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("effects_of_tests")]


def kill(group: SentinelGroup, master: Node) -> Callable[[], None]:
    master.kill()
    return master.start


def hang(group: SentinelGroup, master: Node) -> Callable[[], None]:
    os.kill(master.pid, signal.SIGSTOP)
    return lambda: os.kill(master.pid, signal.SIGCONT)


def replace(group: SentinelGroup, master: Node) -> Callable[[], None]:
    with closing(group.sentinels[0].client()) as client:
        client.execute_command("SENTINEL FAILOVER", MASTER)
    return lambda: None


@pytest.mark.parametrize("fault", [replace, kill, hang])
def test_work_goes_on_at_the_next_master_and_the_return_of_the_last_one_does_no_harm(
    tmp_path: Path, fault: Callable[[SentinelGroup, Node], Callable[[], None]]
) -> None:
    with SentinelGroup(tmp_path / "group") as group:
        environment = {"NEXUS_BROKER_URL": group.database_url(1), "TEST_LEASE_SECONDS": "3"}
        with (
            Role("relay", tmp_path, environment, WITH_REACTIONS_OF_TESTS) as relay,
            Role("worker", tmp_path, environment, WITH_REACTIONS_OF_TESTS) as worker,
        ):
            publish("NumberDrawn", range(100))
            eventually(lambda: len(set(effects())) == 100, "the first effects", timeout=60, role=worker)
            old = group.master()
            heal = fault(group, old)
            publish("NumberDrawn", range(100, 200))
            eventually(lambda: len(set(effects())) == 200, "effects by the next master", timeout=60, role=worker)
            eventually(lambda: group.wait_until_elected() is not old, "the next master")
            heal()
            publish("NumberDrawn", range(200, 300))
            eventually(lambda: len(set(effects())) == 300, "effects after its return", timeout=60, role=worker)
            group.wait_until_healthy()
            publish("NumberDrawn", range(300, 310))
            eventually(lambda: len(set(effects())) == 310, "effects of a healthy group", timeout=60, role=worker)
            eventually(lambda: not Delivery.objects.filter(reaction="note_number").exists(), "no delivery left")
            assert effects() == list(range(310))
            assert not OutboxEvent.objects.exists()
            assert not DeadLetter.objects.exists()
            assert not relay.has_logged("relay_failed")
