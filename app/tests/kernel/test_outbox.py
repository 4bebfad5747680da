"""Events, deliveries, leases, failures, dead letters and the schedule, row by row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from nexus.kernel import clock, deliveries, logging, metrics, outbox
from nexus.kernel.deliveries import Job
from nexus.kernel.outbox import EVENTS, DeadLetter, Delivery, Event, OutboxEvent, ScheduledRun
from nexus.kernel.purging import purge_dead_letters

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class BellRung(Event):
    times: int


EVENTS.pop("BellRung")  # it is no event of Nexus

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def delivery(reaction: str = "ring", **values: object) -> Delivery:
    now = clock.now()
    defaults = {"reaction": reaction, "payload": {"times": 1}, "created_at": now, "due_at": now}
    return Delivery.objects.create(**{**defaults, **values})


@pytest.mark.django_db(transaction=True)
def test_an_event_is_published_inside_a_transaction_only() -> None:
    with pytest.raises(RuntimeError, match="inside the transaction of its change"):
        outbox.publish(BellRung(times=1))
    assert OutboxEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_event_shares_the_fate_of_its_change() -> None:
    with transaction.atomic():
        outbox.publish(BellRung(times=1))
        transaction.set_rollback(True)
    assert OutboxEvent.objects.count() == 0


def test_an_event_keeps_its_fields_and_the_request_that_caused_it() -> None:
    logging.bind_request("c0ffee")
    try:
        outbox.publish(BellRung(times=3), BellRung(times=4))
    finally:
        logging.bind_request("")
    rows = OutboxEvent.objects.order_by("id").values_list("name", "payload", "request_id")
    assert list(rows) == [("BellRung", {"times": 3}, "c0ffee"), ("BellRung", {"times": 4}, "c0ffee")]
    assert BellRung.of({"times": 3}) == BellRung(times=3)


def test_an_event_becomes_one_delivery_for_each_reaction_and_is_gone() -> None:
    logging.bind_request("c0ffee")
    outbox.publish(BellRung(times=3))
    logging.bind_request("")
    assert deliveries.make_of_events({"BellRung": ["ring", "echo"]}, 10) == 1
    rows = Delivery.objects.order_by("id").values_list("reaction", "payload", "request_id", "attempts")
    assert list(rows) == [("ring", {"times": 3}, "c0ffee", 0), ("echo", {"times": 3}, "c0ffee", 0)]
    assert OutboxEvent.objects.count() == 0


def test_an_event_without_reactions_is_gone_and_one_that_is_unknown_waits() -> None:
    OutboxEvent.objects.create(name="BellRung", payload={})
    OutboxEvent.objects.create(name="OfTheNextRelease", payload={})
    assert deliveries.make_of_events({"BellRung": []}, 10) == 1
    assert [event.name for event in OutboxEvent.objects.all()] == ["OfTheNextRelease"]
    assert Delivery.objects.count() == 0


def test_a_lease_gives_a_delivery_to_one_only_until_it_ends() -> None:
    row = delivery()
    assert deliveries.lease(["ring"], 10) == [Job(row.id, "ring", is_resent=False, traceparent="")]
    assert deliveries.lease(["ring"], 10) == []
    assert timedelta(seconds=29) < Delivery.objects.get().due_at - clock.now() <= timedelta(seconds=30)
    assert Delivery.objects.get().attempts == 0
    Delivery.objects.update(due_at=clock.now())
    assert deliveries.lease(["ring"], 10) == [Job(row.id, "ring", is_resent=True, traceparent="")]


def test_a_lease_takes_the_oldest_of_the_given_reactions() -> None:
    now = clock.now()
    rows = [delivery(created_at=now, due_at=now - timedelta(seconds=second)) for second in (1, 3, 2)]
    delivery("echo", due_at=now - timedelta(seconds=9))
    delivery(due_at=now + timedelta(seconds=9))
    assert {job.id for job in deliveries.lease(["ring"], 2)} == {rows[1].id, rows[2].id}


def test_what_could_not_be_sent_is_due_again_soon_and_counts_nothing() -> None:
    row = delivery()
    deliveries.lease(["ring"], 10)
    deliveries.return_unsent([row.id], timedelta(seconds=1))
    row.refresh_from_db()
    assert row.due_at < clock.now() + timedelta(seconds=1)
    assert row.attempts == 0


def test_taking_deletes_the_row_and_a_second_taker_finds_nothing() -> None:
    row = delivery(request_id="c0ffee")
    taken = deliveries.take(row.id)
    assert taken == deliveries.Taken({"times": 1}, "c0ffee", row.created_at)
    assert deliveries.take(row.id) is None
    assert not deliveries.count_begin(row.id)


def test_a_failure_waits_longer_each_time_and_the_eighth_is_the_last() -> None:
    row = delivery(request_id="c0ffee")
    for number, pause in enumerate(deliveries.PAUSES_S, 1):
        assert deliveries.fail(row.id, f"LookupError: {number}", is_counted=False) is False
        row.refresh_from_db()
        assert (row.attempts, row.last_error) == (number, f"LookupError: {number}")
        assert pause * 0.79 < (row.due_at - clock.now()).total_seconds() < pause * 1.21
    assert deliveries.fail(row.id, "LookupError: 8", is_counted=False) is True
    assert Delivery.objects.count() == 0
    letter = DeadLetter.objects.get()
    assert (letter.id, letter.reaction, letter.payload, letter.request_id) == (row.id, "ring", {"times": 1}, "c0ffee")
    assert (letter.attempts, letter.last_error, letter.created_at) == (8, "LookupError: 8", row.created_at)


def test_a_run_that_was_counted_when_it_began_is_not_counted_twice() -> None:
    row = delivery()
    assert deliveries.count_begin(row.id)
    deliveries.fail(row.id, "LookupError", is_counted=True)
    row.refresh_from_db()
    assert row.attempts == 1
    assert deliveries.fail(1, "of a delivery that is gone", is_counted=True) is False


def test_a_database_that_was_away_is_no_failure_of_the_reaction() -> None:
    row = delivery()
    deliveries.count_begin(row.id)
    deliveries.give_back(row.id, is_counted=True)
    row.refresh_from_db()
    assert (row.attempts, row.last_error) == (0, "")
    assert clock.now() < row.due_at < clock.now() + timedelta(seconds=3)


def test_a_delivery_whose_runs_all_ended_with_their_process_is_buried_instead_of_leased() -> None:
    row = delivery(attempts=outbox.ATTEMPTS_MAX)
    other = delivery(attempts=outbox.ATTEMPTS_MAX - 1)
    assert [job.id for job in deliveries.lease(["ring"], 10)] == [other.id]
    letter = DeadLetter.objects.get()
    assert letter.id == row.id
    assert letter.last_error.startswith("The process ended while it ran this reaction")


def test_a_dead_letter_is_run_again_from_the_start() -> None:
    row = delivery(attempts=7)
    deliveries.fail(row.id, "LookupError", is_counted=False)
    assert outbox.run_dead_letters_again([row.id, 5]) == 1
    again = Delivery.objects.get()
    assert (again.id, again.attempts, again.last_error) == (row.id, 0, "LookupError")
    assert DeadLetter.objects.count() == 0
    assert [job.id for job in deliveries.lease(["ring"], 10)] == [row.id]
    assert outbox.run_dead_letters_again([row.id]) == 0


def test_dead_letters_are_kept_for_thirty_days() -> None:
    old, young = (delivery(attempts=8) for _ in range(2))
    deliveries.lease(["ring"], 10)
    DeadLetter.objects.filter(id=old.id).update(died_at=clock.now() - timedelta(days=30, seconds=1))
    DeadLetter.objects.filter(id=young.id).update(died_at=clock.now() - timedelta(days=29))
    purge_dead_letters()
    assert [letter.id for letter in DeadLetter.objects.all()] == [young.id]


def test_the_schedule_makes_one_delivery_a_period_and_does_not_make_up_for_missed_ones() -> None:
    every = {"tidy": timedelta(minutes=10)}
    deliveries.enter_schedule(every)
    deliveries.enter_schedule(every)
    assert deliveries.make_of_schedule(every) == 1
    assert deliveries.make_of_schedule(every) == 0
    assert Delivery.objects.get().payload == {}
    Delivery.objects.all().delete()
    ScheduledRun.objects.update(next_at=LONG_AGO)
    assert deliveries.make_of_schedule(every) == 1
    assert timedelta(minutes=9) < ScheduledRun.objects.get().next_at - clock.now() <= timedelta(minutes=10)


def test_a_scheduled_run_that_still_waits_is_not_joined_by_a_second() -> None:
    every = {"tidy": timedelta(seconds=1)}
    deliveries.enter_schedule(every)
    deliveries.make_of_schedule(every)
    ScheduledRun.objects.update(next_at=LONG_AGO)
    assert deliveries.make_of_schedule(every) == 0
    assert Delivery.objects.count() == 1


def test_a_row_of_a_release_that_scheduled_more_is_left_alone() -> None:
    ScheduledRun.objects.create(reaction="of_the_next_release", next_at=LONG_AGO)
    assert deliveries.make_of_schedule({"tidy": timedelta(seconds=1)}) == 0
    assert ScheduledRun.objects.get().next_at == LONG_AGO


def test_an_idle_turn_of_the_relay_costs_three_statements(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        deliveries.make_of_events({"BellRung": ["ring"]}, 10)
    with django_assert_num_queries(2):
        deliveries.lease(["ring"], 10)


def test_what_waits_is_measured() -> None:
    delivery(created_at=clock.now() - timedelta(seconds=40))
    delivery(created_at=LONG_AGO, attempts=1)
    outbox.publish(BellRung(times=1))
    deliveries.measure()
    assert metrics.OUTBOX_PENDING._value.get() == 3
    assert 40 <= metrics.OUTBOX_OLDEST_SECONDS._value.get() < 45
