"""Counted events: each once, whoever counts and whatever restarts; none invented."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from nexus.domain.status import counting
from nexus.domain.status.counting import Tally
from nexus.domain.status.models import StatusDay, StatusMinute, StatusSource
from tests.api.worlds import StoppedClock

pytestmark = pytest.mark.django_db

REST = "rest-availability"
BEGAN = datetime(2026, 11, 21, 9, 0, 0, 123_456, UTC)


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    time = StoppedClock(monkeypatch)
    time.moment = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
    return time


def counted(good: int, bad: int, *, began: datetime = BEGAN) -> None:
    counting.count(began, {REST: Tally(good, bad)})


def days() -> list[tuple[str, int, int]]:
    return [(f"{row.day:%m-%d}", row.good, row.bad) for row in StatusDay.objects.filter(objective=REST).order_by("day")]


def test_what_a_meter_has_seen_is_added_to_the_day_and_the_minute() -> None:
    counted(90, 10)
    assert days() == [("11-21", 90, 10)]
    assert list(StatusMinute.objects.values_list("minute", "good", "bad")) == [
        (datetime(2026, 11, 21, 10, 0, tzinfo=UTC), 90, 10)
    ]


def test_only_what_came_since_the_last_look_is_added(stopped: StoppedClock) -> None:
    counted(90, 10)
    stopped.moment += timedelta(seconds=15)
    counted(95, 10)
    counted(95, 10)
    assert days() == [("11-21", 95, 10)]


def test_a_meter_that_restarted_begins_at_nothing() -> None:
    counted(90, 10)
    counted(7, 1, began=BEGAN + timedelta(minutes=50))
    assert days() == [("11-21", 97, 11)]


def test_two_meters_are_two_and_one_at_two_addresses_is_one() -> None:
    counted(90, 10)
    counted(90, 10)
    counted(50, 0, began=BEGAN + timedelta(microseconds=1))
    assert days() == [("11-21", 140, 10)]


def test_a_relay_that_comes_late_with_older_sums_adds_nothing_and_takes_nothing_back() -> None:
    counted(90, 10)
    counted(80, 9)
    counted(91, 10)
    assert days() == [("11-21", 91, 10)]


def test_what_came_while_the_database_was_away_is_added_afterwards(stopped: StoppedClock) -> None:
    counted(90, 10)
    stopped.moment += timedelta(hours=3)
    counted(90, 400)
    assert days() == [("11-21", 90, 400)]


def test_what_came_in_more_than_a_day_belongs_to_no_day(stopped: StoppedClock) -> None:
    counted(90, 10)
    stopped.moment += timedelta(hours=25)
    counted(1_000, 10)
    stopped.moment += timedelta(seconds=15)
    counted(1_005, 11)
    assert days() == [("11-21", 90, 10), ("11-22", 5, 1)]


def test_of_a_meter_that_was_never_asked_the_last_day_counts_and_nothing_older(stopped: StoppedClock) -> None:
    counted(1_000, 10, began=stopped.moment - timedelta(hours=25))
    assert days() == []
    counted(1_000, 10, began=stopped.moment - timedelta(hours=23))
    assert days() == [("11-21", 1_000, 10)]


def test_a_day_ends_at_midnight_utc(stopped: StoppedClock) -> None:
    stopped.moment = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    counted(1, 0)
    stopped.moment += timedelta(seconds=1)
    counted(3, 0)
    assert days() == [("11-21", 1, 0), ("11-22", 2, 0)]


def test_after_ninety_days_a_day_goes_and_before_that_it_stays(stopped: StoppedClock) -> None:
    for number in range(93):
        counted(number + 1, 0, began=stopped.moment)
        stopped.moment += timedelta(days=1)
    stopped.moment -= timedelta(days=1)
    counting.purge()
    assert len(days()) == counting.DAYS
    assert days()[-1][0] == f"{stopped.moment:%m-%d}"


def test_a_source_that_is_forgotten_is_not_counted_again(stopped: StoppedClock) -> None:
    counted(90, 10)
    stopped.moment += timedelta(hours=25)
    counting.purge()
    assert not StatusSource.objects.exists()
    assert not StatusMinute.objects.exists()
    counted(90, 10)
    assert days() == [("11-21", 90, 10)]


def test_looks_are_shared_by_all_relays_and_tell_what_was_late(stopped: StoppedClock) -> None:
    now = stopped.moment
    counting.look({"fan_out_post": now - timedelta(seconds=6), "push_post_changed": now - timedelta(seconds=4)})
    counting.look({"fan_out_post": now - timedelta(hours=1)})
    assert list(StatusDay.objects.order_by("objective").values_list("objective", "good", "bad")) == [
        ("home-freshness", 0, 1),
        ("live-freshness", 1, 0),
        ("work", 1, 0),
    ]
    stopped.moment += counting.LOOK_EVERY
    counting.look({"send_heartbeat_mail": stopped.moment - timedelta(seconds=31)})
    assert list(StatusDay.objects.order_by("objective").values_list("objective", "good", "bad")) == [
        ("home-freshness", 1, 1),
        ("live-freshness", 2, 0),
        ("work", 1, 1),
    ]


@pytest.mark.django_db(transaction=True)
def test_relays_that_count_at_the_same_moment_count_once() -> None:
    barrier = threading.Barrier(4)

    def relay() -> None:
        try:
            for total in range(10, 210, 10):
                barrier.wait(30)
                counting.count(BEGAN, {REST: Tally(total, 0), "graphql-availability": Tally(0, total)})
        finally:
            connections.close_all()

    threads = [threading.Thread(target=relay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert list(StatusDay.objects.order_by("objective").values_list("objective", "good", "bad")) == [
        ("graphql-availability", 0, 200),
        (REST, 200, 0),
    ]


def a_relay_that_dies_before_its_commit() -> None:
    with transaction.atomic():
        counted(95, 10)
        raise ConnectionResetError


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_is_counted_by_the_next() -> None:
    counted(90, 10)
    with pytest.raises(ConnectionResetError):
        a_relay_that_dies_before_its_commit()
    assert days() == [("11-21", 90, 10)]
    counted(96, 10)
    assert days() == [("11-21", 96, 10)]
