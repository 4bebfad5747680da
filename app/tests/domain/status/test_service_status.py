"""service_status."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from nexus.domain.status import counting, history
from nexus.domain.status.components import components, overall
from nexus.domain.status.counting import Tally
from nexus.domain.status.history import COPY, Copy, History, Knowledge
from nexus.domain.status.models import StatusDay
from nexus.domain.status.operations import post_incident, update_incident
from nexus.domain.status.queries import service_status
from nexus.domain.status.shapes import State, StatusShape
from nexus.kernel import redis
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.api.worlds import StoppedClock
from tests.config.processes import eventually

NOW = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
REST = "rest-availability"


def read() -> StatusShape:
    COPY.renew()
    return service_status(viewer=ANONYMOUS)


def states(status: StatusShape) -> dict[str, State]:
    return {each.name: each.state for each in status.components}


def known(recent: dict[str, Tally] | None = None, **others: Any) -> Knowledge:
    seen: dict[str, Any] = {"looked_at": NOW - timedelta(seconds=20), "of_replica": False, "incidents": ()}
    seen |= {name: others.pop(name) for name in tuple(others) if name in seen}
    old = History(read_at=NOW, first_day=NOW.date(), objectives=(), recent=recent or {}, **seen)
    return Knowledge(**{"history": old, "is_fresh": True, "is_database_up": True, "is_cache_up": True, **others})


def told(what: Knowledge, *, is_primary_away: bool = False) -> dict[str, State]:
    found = components(what, is_primary_away=is_primary_away, has_cache=True)
    return {each.name: each.state for each in found} | {"all": overall(found)}


WELL: dict[str, State] = dict.fromkeys(("api", "sign_in", "live", "work", "database", "cache", "all"), "operational")


@pytest.mark.django_db
def test_it_tells_the_components_and_ninety_days_by_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = StoppedClock(monkeypatch)
    stopped.moment = NOW
    StatusDay.objects.create(day=NOW.date() - timedelta(days=90), objective=REST, good=0, bad=1_000)
    StatusDay.objects.create(day=NOW.date() - timedelta(days=89), objective=REST, good=900, bad=100)
    StatusDay.objects.create(day=NOW.date() - timedelta(days=1), objective=REST, good=4, bad=5)
    counting.look({})
    counting.count(NOW - timedelta(hours=1), {REST: Tally(999, 1)})
    status = read()
    assert states(status) == dict.fromkeys(states(status), "operational")
    assert (status.state, status.history_at, status.first_day) == ("operational", NOW, "2026-08-24")
    (rest,) = (each for each in status.objectives if each.name == REST)
    assert len(rest.days) == 90
    # Nine events are too few to be a day's share, and count in the whole.
    assert (rest.days[0], rest.days[-2], rest.days[-1]) == (0.9, None, 0.999)
    assert rest.share == round((900 + 4 + 999) / (1000 + 9 + 1000), 6)
    assert [each.share for each in status.objectives if each.name == "graphql-latency"] == [None]


@pytest.mark.django_db
def test_open_incidents_come_first_and_old_ones_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = StoppedClock(monkeypatch)
    admin = Viewer(make.user(role="admin").pk, role="admin")
    posted: dict[str, Any] = {"impact": "minor", "components": ()}
    for title in ("long ago", "open", "resolved"):
        stopped.moment += timedelta(days=15)
        incident = post_incident(actor=admin, title=title, text="We look.", **posted)
        if title != "open":
            update_incident(actor=admin, incident_id=incident.id, text="Mended.", state="resolved")
    found = read().incidents
    assert [each.title for each in found] == ["open", "resolved"]
    assert [update.text for update in found[1].updates] == ["Mended.", "We look."]


@pytest.mark.django_db
def test_who_asks_costs_no_statement_and_the_copy_a_fixed_number(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    admin = Viewer(make.user(role="admin").pk, role="admin")
    for _ in range(3):
        post_incident(actor=admin, title="Slow", text="We look.", impact="minor", components=())
    with django_assert_num_queries(5):
        COPY.renew()
    with django_assert_num_queries(0):
        service_status(viewer=ANONYMOUS)


def test_a_process_that_never_could_read_says_so() -> None:
    """A test that asked for no database has none."""
    status = read()
    assert (status.history_at, status.objectives, status.incidents) == (None, (), ())
    assert (states(status)["database"], states(status)["api"], status.state) == ("down", "down", "down")


@pytest.mark.django_db(transaction=True)
def test_a_process_has_a_copy_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asleep(Exception):
        """The thread would sleep now."""

    def sleep(seconds: float) -> None:
        raise Asleep

    copy = Copy()
    monkeypatch.setattr(history, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    with pytest.raises(Asleep):
        copy._stay_warm()
    eventually(lambda: copy._reader is None, "read")
    assert copy._history is not None


@pytest.mark.django_db
def test_the_last_copy_is_shown_when_it_cannot_be_renewed(django_db_blocker: DjangoDbBlocker) -> None:
    before = read()
    with django_db_blocker.block():
        after = read()
    assert after.history_at == before.history_at
    assert (states(before)["database"], states(after)["database"]) == ("operational", "down")


@pytest.mark.django_db
def test_a_cache_that_is_away_is_down_and_slows_the_live_stream() -> None:
    counting.look({})
    redis._block()
    found = states(read())
    assert (found["cache"], found["live"], found["api"]) == ("down", "degraded", "operational")


def test_without_a_cache_there_is_no_such_component() -> None:
    names = [each.name for each in components(known(), is_primary_away=False, has_cache=False)]
    assert names == ["api", "sign_in", "live", "work", "database"]
    assert bool(settings.NEXUS.redis_url)


def test_a_relay_that_is_away_is_work_that_stands_still_and_doors_that_are_not_measured() -> None:
    found = told(known(looked_at=NOW - timedelta(minutes=3)))
    assert found == WELL | dict.fromkeys(("api", "sign_in", "live"), "unknown") | {"work": "down", "all": "degraded"}


def test_a_primary_that_is_away_while_a_replica_reads_leaves_the_api_degraded() -> None:
    found = told(known(of_replica=True), is_primary_away=True)
    assert (found["database"], found["api"], found["sign_in"], found["all"]) == (
        *("degraded", "degraded", "down", "degraded"),
    )


def test_a_copy_that_is_old_says_nothing_about_now() -> None:
    found = told(known(is_fresh=False, is_database_up=None, is_cache_up=None))
    assert set(found.values()) == {"unknown"}


@pytest.mark.parametrize(
    ("recent", "changed"),
    [
        ({REST: Tally(0, 9)}, {}),  # too few to say anything
        ({REST: Tally(986, 14)}, {}),  # burns, but not yet at a rate that wakes anybody
        ({REST: Tally(985, 15)}, {"api": "degraded", "all": "degraded"}),
        ({REST: Tally(10, 10)}, {"api": "down", "all": "down"}),
        ({"rest-latency": Tally(0, 20)}, {"api": "degraded", "all": "degraded"}),
        ({"sign_in-availability": Tally(0, 20)}, {"sign_in": "down", "all": "degraded"}),
        ({"live-availability": Tally(0, 20)}, {"live": "down", "all": "degraded"}),
        ({"home-freshness": Tally(3, 1)}, {"work": "degraded", "all": "degraded"}),
        ({"work": Tally(1, 1)}, {"work": "down", "all": "degraded"}),
    ],
)
def test_the_last_five_minutes_decide(recent: dict[str, Tally], changed: dict[str, State]) -> None:
    assert told(known(recent)) == WELL | changed
