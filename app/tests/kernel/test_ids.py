"""Ids."""

import threading
from datetime import UTC, datetime

import pytest

from nexus.kernel import clock, ids


def test_ids_grow_also_when_the_clock_goes_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.epoch_ms()
    moments = iter([now + 5_000, now - 60_000, now, now + 5_000, now + 5_001])
    monkeypatch.setattr(clock, "epoch_ms", lambda: next(moments))
    made = [ids.new_id() for _ in range(5)]
    assert made == sorted(set(made))


def test_threads_never_make_the_same_id() -> None:
    made: list[int] = []

    def make() -> None:
        made.extend(ids.new_id() for _ in range(5_000))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000
    assert all(0 < each <= ids.MAX_ID for each in made)


def test_a_millisecond_that_is_full_flows_over_into_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.epoch_ms() + 100_000
    monkeypatch.setattr(clock, "epoch_ms", lambda: now)
    first = ids.new_id()
    monkeypatch.setattr(ids, "_last_low", ids._LOW_LIMIT - 1)
    assert ids.new_id() > first


def test_an_id_tells_when_it_was_made() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
    assert ids.made_at(ids.first_id_at(moment)) == moment


@pytest.mark.parametrize("text", ["", "0", "007", "-1", "1.0", "x", "٣", " 1", "99999999999999999999", str(1 << 63)])
def test_what_is_no_id_is_refused(text: str) -> None:
    assert ids.parse_id(text) is None


def test_the_largest_id_is_an_id() -> None:
    assert ids.parse_id(str(ids.MAX_ID)) == ids.MAX_ID
