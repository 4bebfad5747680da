"""Events, relay, broker and worker as real processes that are killed: every effect is there once."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection

from local.ports import free_port
from local.redis import Redis
from nexus.kernel import outbox
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent
from tests.config.effects import effects, publish
from tests.config.processes import WITH_REACTIONS_OF_TESTS, Role, eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("effects_of_tests")]

Make = Callable[..., Role]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Redis]:
    """A Redis for this test alone, that it may stop."""
    with Redis(tmp_path, free_port()) as redis:
        yield redis


@pytest.fixture
def role(tmp_path: Path, broker: Redis) -> Iterator[Make]:
    """Starts roles; all of them are killed at the end."""
    made: list[Role] = []

    def make(name: str, **environment: str) -> Role:
        started = Role(
            name, tmp_path, {"NEXUS_BROKER_URL": broker.url, **environment}, program=WITH_REACTIONS_OF_TESTS
        ).start()
        made.append(started)
        return started

    yield make
    for each in made:
        if each.is_running:
            each.kill()


def ticks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM effects_of_tests WHERE number < 0")
        return int(cursor.fetchone()[0])


def open_deliveries(name: str) -> int:
    return Delivery.objects.filter(reaction=name).count()


def test_killing_worker_and_relay_among_a_thousand_tasks_leaves_every_effect_once(role: Make) -> None:
    quick = {"TEST_LEASE_SECONDS": "3", "TEST_TASK_SECONDS": "0.005"}
    relay, worker = role("relay", **quick), role("worker", **quick)
    publish("NumberDrawn", range(1_000))
    eventually(lambda: len(effects()) > 200, "200 effects", role=worker)
    os.kill(worker.children()[0], signal.SIGKILL)
    eventually(lambda: len(effects()) > 400, "400 effects", role=worker)
    worker.kill()
    worker = role("worker", **quick)
    eventually(lambda: len(effects()) > 500, "500 effects", role=worker)
    relay.kill()
    role("relay", **quick)
    eventually(lambda: len(set(effects())) == 1_000, "all effects", timeout=40, role=worker)
    eventually(lambda: open_deliveries("note_number") == 0, "no delivery left")
    assert effects() == list(range(1_000))
    assert OutboxEvent.objects.count() == 0
    assert DeadLetter.objects.count() == 0


def test_a_reaction_that_kills_its_process_is_buried_and_can_be_run_again(role: Make, tmp_path: Path) -> None:
    poison = tmp_path / "poison"
    poison.touch()
    settings = {"TEST_LEASE_SECONDS": "0.5", "TEST_POISON": str(poison)}
    role("relay", **settings)
    worker = role("worker", **settings)
    publish("PoisonTaken", range(7, 8))
    publish("NumberDrawn", range(100, 110))
    eventually(lambda: DeadLetter.objects.exists(), "a dead letter", timeout=60, role=worker)
    letter = DeadLetter.objects.get()
    assert (letter.reaction, letter.payload, letter.attempts) == ("take_poison", {"number": 7}, outbox.ATTEMPTS_MAX)
    assert "process ended" in letter.last_error
    eventually(lambda: effects() == list(range(100, 110)), "the others are done all the same")
    poison.unlink()
    assert outbox.run_dead_letters_again([letter.id]) == 1
    eventually(lambda: 7 in effects(), "the effect")
    eventually(lambda: open_deliveries("take_poison") == 0, "no delivery left")
    assert effects() == [7, *range(100, 110)]
    assert not DeadLetter.objects.exists()


def test_a_reaction_that_fails_is_tried_eight_times_undone_each_time_and_buried_with_its_error(role: Make) -> None:
    role("relay")
    worker = role("worker")
    publish("FailureMet", range(3, 4), request_id="0b0c-77")
    eventually(lambda: DeadLetter.objects.exists(), "a dead letter", role=worker)
    letter = DeadLetter.objects.get()
    assert (letter.reaction, letter.attempts, letter.request_id) == ("meet_failure", 8, "0b0c-77")
    assert letter.last_error == "LookupError: no luck with 3"
    assert effects() == []
    assert not Delivery.objects.filter(reaction="meet_failure").exists()
    tried = [line for line in worker.lines() if line.get("reaction") == "meet_failure" and line["event"] == "reaction"]
    assert [line["outcome"] for line in tried] == ["failed"] * 7 + ["buried"]
    assert {line["request_id"] for line in tried} == {"0b0c-77"}


def test_a_broker_that_is_away_costs_time_and_nothing_else(role: Make, broker: Redis) -> None:
    relay, worker = role("relay", TEST_LEASE_SECONDS="3"), role("worker", TEST_LEASE_SECONDS="3")
    publish("NumberDrawn", range(20))
    eventually(lambda: len(effects()) == 20, "the first effects", role=worker)
    broker.stop()
    publish("NumberDrawn", range(20, 50))
    eventually(lambda: relay.has_logged("relay_broker_unavailable"), "the relay sees it", role=relay)
    eventually(lambda: open_deliveries("note_number") == 30, "deliveries wait in Postgres")
    broker.start()
    eventually(lambda: len(set(effects())) == 50, "the other effects", timeout=40, role=worker)
    assert effects() == list(range(50))
    assert relay.events().count("relay_broker_unavailable") < 20
    assert not relay.has_logged("relay_failed")
    assert not DeadLetter.objects.exists()


def test_a_worker_that_could_acknowledge_nothing_of_all_it_had_taken_goes_on(role: Make, broker: Redis) -> None:
    slow = {"TEST_LEASE_SECONDS": "3", "TEST_TASK_SECONDS": "0.2"}
    role("relay", **slow)
    worker = role("worker", **slow)
    publish("NumberDrawn", range(40))
    # It has as many messages as it may have, so it asks the broker for none, and nothing tells it of the broker's end.
    eventually(lambda: len(effects()) > 4, "the first effects", role=worker)
    broker.kill()
    taken = len(effects()) + 8

    def has_noticed() -> bool:
        said = ("Couldn't ack", "consumer: Cannot connect")  # the second, where it was just about to ask for more
        return len(effects()) >= taken or any(event.startswith(said) for event in worker.events())

    eventually(has_noticed, "what it had taken", role=worker)
    time.sleep(2)
    broker.start()
    eventually(lambda: len(set(effects())) == 40, "all effects", timeout=40, role=worker)
    assert effects() == list(range(40))


def test_a_worker_that_is_away_heaps_up_neither_attempts_nor_dead_letters(role: Make) -> None:
    relay = role("relay", TEST_LEASE_SECONDS="0.1")
    publish("NumberDrawn", range(3))
    eventually(lambda: open_deliveries("note_number") == 3, "deliveries", role=relay)
    eventually(lambda: open_deliveries("send_heartbeat_mail") == 1, "the schedule runs", role=relay)
    time.sleep(3)  # thirty leases
    assert list(Delivery.objects.filter(reaction="note_number").values_list("attempts", flat=True)) == [0, 0, 0]
    worker = role("worker")
    eventually(lambda: open_deliveries("note_number") == 0, "done", role=worker)
    assert effects() == [0, 1, 2]


def test_two_relays_send_each_delivery_once(role: Make, broker: Redis) -> None:
    relays = [role("relay"), role("relay")]
    for relay in relays:
        eventually(lambda relay=relay: relay.has_logged("relay_started"), "a relay", role=relay)  # type: ignore[misc]
    publish("NumberDrawn", range(600))
    eventually(lambda: Delivery.objects.filter(reaction="note_number").count() == 600, "deliveries", role=relays[0])
    with redis.Redis(port=broker.port) as client:
        eventually(lambda: b"".join(client.lrange("default", 0, -1)).count(b'"note_number"') >= 600, "600 messages")
        assert b"".join(client.lrange("default", 0, -1)).count(b'"task": "note_number"') == 600


def test_two_relays_run_the_schedule_once(role: Make) -> None:
    relays = [role("relay"), role("relay")]
    worker = role("worker")
    eventually(lambda: ticks() == 1, "the first run", role=worker)
    outbox.ScheduledRun.objects.filter(reaction="note_tick").update(next_at="2026-01-01T00:00Z")
    eventually(lambda: ticks() >= 2, "the second run", role=worker)
    eventually(lambda: open_deliveries("note_tick") == 0, "no delivery left")
    assert ticks() == 2
    assert not any(relay.has_logged("relay_failed") for relay in relays)


def test_a_database_that_ends_connections_and_is_read_only_for_a_while_heals(role: Make) -> None:
    relay, worker = role("relay", TEST_LEASE_SECONDS="3"), role("worker", TEST_LEASE_SECONDS="3")
    publish("NumberDrawn", range(300))
    eventually(lambda: len(effects()) > 20, "effects", role=worker)
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        end_others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        )
        cursor.execute(end_others, [name])
        eventually(lambda: relay.has_logged("relay_database_unavailable"), "the relay sees it", role=relay)
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        cursor.execute(end_others, [name])
    eventually(lambda: len(set(effects())) == 300, "all effects", timeout=40, role=worker)
    eventually(lambda: open_deliveries("note_number") == 0, "no delivery left")
    assert effects() == list(range(300))
    assert not DeadLetter.objects.exists()
    assert not relay.has_logged("relay_failed")
    assert not worker.has_logged("reaction_failed")


def test_sigterm_lets_the_running_task_end(role: Make) -> None:
    slow = {"TEST_TASK_SECONDS": "1.5"}
    relay, worker = role("relay", **slow), role("worker", **slow)
    eventually(lambda: ticks() == 1, "the worker runs", role=worker)
    publish("NumberDrawn", range(1))
    with connection.cursor() as cursor:
        locked = "SELECT count(*) FROM nexus_delivery WHERE reaction = 'note_number' AND due_at > created_at"

        def is_leased() -> bool:
            cursor.execute(locked)
            return bool(cursor.fetchone()[0])

        eventually(is_leased, "it is sent", role=relay)
    time.sleep(0.5)
    worker.terminate()
    relay.terminate()
    assert (worker.wait(), relay.wait()) == (0, 0)
    assert effects() == [0]
    assert open_deliveries("note_number") == 0


def test_a_broker_that_hangs_holds_nobody_up_for_long(role: Make, broker: Redis) -> None:
    relay, worker = role("relay", TEST_LEASE_SECONDS="3"), role("worker", TEST_LEASE_SECONDS="3")
    publish("NumberDrawn", range(20))
    eventually(lambda: len(effects()) == 20, "the first effects", role=worker)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        eventually(lambda: relay.has_logged("relay_broker_unavailable"), "the relay sees it", timeout=15, role=relay)
        publish("NumberDrawn", range(20, 50))
        eventually(lambda: open_deliveries("note_number") == 30, "deliveries wait in Postgres", timeout=15)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    eventually(lambda: len(set(effects())) == 50, "the other effects", timeout=40, role=worker)
    assert effects() == list(range(50))
    assert not relay.has_logged("relay_failed")
