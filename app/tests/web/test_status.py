"""The status page, its feed and its document."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from nexus.domain.status import counting
from nexus.domain.status.counting import DAYS, Tally
from nexus.domain.status.history import COPY
from nexus.domain.status.models import StatusDay
from nexus.domain.status.objectives import OBJECTIVES
from nexus.domain.status.operations import post_incident
from nexus.kernel import clock, redis
from nexus.kernel.viewer import Viewer
from tests import factories as make

PATHS = ("/status", "/status.atom", "/api/v1/status")


@pytest.fixture
def browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https", "Origin": "https://elsewhere.example"})


def text_of(browser: Client) -> str:
    page = re.sub(r"<[^>]+>", " ", browser.get("/status").content.decode())
    return " ".join(page.split())


def ninety_days(share: Any) -> None:
    """`share(number)` of each day of each objective, today with the number 89."""
    first = clock.now().date() - timedelta(days=DAYS - 1)
    StatusDay.objects.bulk_create(
        StatusDay(
            day=first + timedelta(days=number),
            objective=each.name,
            good=round(10_000 * share(number)),
            bad=10_000 - round(10_000 * share(number)),
        )
        for each in OBJECTIVES
        for number in range(DAYS)
    )


@pytest.mark.django_db
def test_it_says_in_words_what_it_shows_in_colours(browser: Client) -> None:
    ninety_days(lambda number: 0.4 if number == 88 else 1)
    counting.look({})
    admin = Viewer(make.user(role="admin").pk, role="admin")
    post_incident(actor=admin, title="<b>Slow</b>", text="We look.", impact="major", components=["api"])
    redis._block()
    COPY.renew()
    page = text_of(browser)
    yesterday = f"{clock.now() - timedelta(days=1):%Y-%m-%d}"
    assert "Some things do not work" in page
    assert "API operational Works" in page
    assert "Cache down Does not answer" in page
    assert "major, investigating · API" in page
    assert f"Below it on 1 day; worst: {yesterday} 40.00 %" in page
    assert "REST: answered within 0.5 s 99.33 % of 99 %" in page
    assert "&lt;b&gt;Slow&lt;/b&gt;" in page


@pytest.mark.django_db
def test_the_picture_of_a_good_year_is_one_stroke(browser: Client) -> None:
    ninety_days(lambda number: 1)
    COPY.renew()
    page = browser.get("/status").content.decode()
    assert page.count('<path class="good" d="M0 0h90"/>') == len(OBJECTIVES)
    assert page.count('<path class="bad" d=""/>') == len(OBJECTIVES)


@pytest.mark.django_db
def test_the_worst_history_is_a_page_of_less_than_14_kb(browser: Client) -> None:
    ninety_days(lambda number: number % 2)
    COPY.renew()
    assert len(browser.get("/status").content) < 14_000
    assert len(browser.get("/api/v1/status").content) < 14_000


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_every_cache_may_keep_it_for_everybody(browser: Client, path: str) -> None:
    COPY.renew()
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=15, stale-while-revalidate=60"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in answer.headers
    assert "RateLimit" not in answer.headers
    assert answer.cookies == {}


@pytest.mark.django_db
def test_it_needs_no_script_and_no_inline_style(browser: Client) -> None:
    ninety_days(lambda number: number % 2)
    COPY.renew()
    page = browser.get("/status").content.decode()
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page


def test_without_a_database_it_is_there_and_says_so(browser: Client) -> None:
    COPY.renew()
    page = text_of(browser)
    assert "Nexus is down" in page
    assert "Database down Does not answer" in page
    assert "History and incidents are not available now." in page
    assert browser.get("/status.atom").status_code == 200
    assert browser.get("/api/v1/status", headers={"Authorization": "Bearer nonsense"}).json()["history_at"] is None


@pytest.mark.django_db
def test_each_update_is_an_entry_of_the_feed(browser: Client) -> None:
    actor = Viewer(make.user(role="admin").pk, role="admin")
    incident = post_incident(actor=actor, title="Slow", text="We look.", impact="major", components=["api"])
    COPY.renew()
    feed = browser.get("/status.atom")
    assert feed.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert "<title>Slow: investigating</title>" in feed.content.decode()
    assert f"https://localhost:8443/status#incident-{incident.id}</id>" not in feed.content.decode()
    assert f"<id>https://localhost:8443/status#incident-{incident.id}-0</id>" in feed.content.decode()


@pytest.mark.django_db
def test_counted_events_are_seen_on_the_page(browser: Client) -> None:
    counting.count(clock.now() - timedelta(minutes=1), {"rest-availability": Tally(75, 25)})
    COPY.renew()
    assert "REST: answered without an error of ours 75.00 % of 99.9 %" in text_of(browser)
