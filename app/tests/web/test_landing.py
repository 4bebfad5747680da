"""The landing page and the page of error codes."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from nexus.domain.instance import queries
from nexus.domain.instance.shapes import Statistics
from nexus.kernel import caches
from nexus.kernel.clock import now
from nexus.kernel.errors import REGISTRY
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https"})


def numbers(browser: Client) -> tuple[str, str]:
    text = " ".join(browser.get("/").content.decode().split())
    people, posts = text.split("<dd>")[1:3]
    return people.partition("<")[0], posts.partition("<")[0]


def test_it_says_what_is_there_and_leads_to_the_documentation(browser: Client) -> None:
    page = browser.get("/").content.decode()
    assert "<h1>localhost</h1>" in page
    for link in ("/api/v1/docs/", "/api/v1/redoc/", "/graphql", "/api/v1/openapi.yaml", "/admin/", "/problems"):
        assert f'href="{link}"' in page
    assert "curl https://localhost:8443/api/v1/timelines/public" in page


def test_it_needs_no_script_no_inline_style_and_no_cookie(browser: Client) -> None:
    answer = browser.get("/")
    page = answer.content.decode()
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert answer.cookies == {}


def test_the_numbers_count_who_and_what_is_there() -> None:
    make.post(make.user())
    make.post(deleted_at=now())
    make.user(is_active=False)
    assert queries.statistics() == Statistics(user_count=2, post_count=1)


def test_the_numbers_are_rendered_once_until_they_are_abandoned(
    browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make.post()
    assert numbers(browser) == ("1", "1")
    with django_assert_num_queries(0):
        assert numbers(browser) == ("1", "1")
    make.post()
    assert numbers(browser) == ("1", "1")
    caches.abandon("statistics")
    assert numbers(browser) == ("2", "2")


def test_an_unchanged_page_is_not_sent_again(browser: Client) -> None:
    tag = browser.get("/").headers["ETag"]
    assert browser.get("/", headers={"If-None-Match": tag}).status_code == 304
    make.user()
    caches.abandon("statistics")
    assert browser.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_it_is_read_only(browser: Client) -> None:
    assert browser.post("/").status_code == 405


def test_every_error_code_is_explained_under_its_own_anchor(browser: Client) -> None:
    page = browser.get("/problems").content.decode()
    for code, error in REGISTRY.items():
        assert f'id="{code}"' in page
        assert error.__doc__, code
    assert "<code>Retry-After</code> seconds" in page
