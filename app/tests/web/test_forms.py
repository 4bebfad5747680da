"""The forms behind the links in mail."""

from dataclasses import replace

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client

from nexus.domain.identity import addresses
from nexus.domain.users.models import User
from nexus.kernel.outbox import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db

PASSWORD = "a new horse with batteries"


@pytest.fixture
def browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https"})


def confirmation_key(user: User) -> str:
    return addresses.confirmation_key(EmailAddress.objects.get(user=user))


def reset_key(user: User) -> str:
    return addresses.reset_key(EmailAddress.objects.get(user=user))


def is_confirmed(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, verified=True).exists())


@pytest.mark.parametrize("page", ["/confirm-email", "/reset-password", "/request-password-reset"])
def test_opening_a_page_changes_nothing_and_nothing_keeps_it(browser: Client, page: str) -> None:
    answer = browser.get(page)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "csrfmiddlewaretoken" in answer.content.decode()
    assert not OutboxEvent.objects.exists()


def test_confirming_needs_the_button(browser: Client) -> None:
    ada = make.user(email="ada@example.org", is_confirmed=False)
    key = confirmation_key(ada)
    browser.get("/confirm-email", {"key": key})
    assert not is_confirmed(ada)
    answer = browser.post("/confirm-email", {"key": f" {key}\n"})
    assert "Your e-mail address is confirmed." in answer.content.decode()
    assert is_confirmed(ada)


def test_a_wrong_key_is_refused_and_shown_again(browser: Client) -> None:
    answer = browser.post("/confirm-email", {"key": '"><b>no'})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The key is not valid" in page
    assert 'value="&quot;&gt;&lt;b&gt;no"' in page
    assert "<b>no" not in page


def test_a_form_of_another_site_is_refused() -> None:
    ada = make.user(email="ada@example.org", is_confirmed=False)
    strict = Client(enforce_csrf_checks=True, headers={"X-Forwarded-Proto": "https"})
    answer = strict.post("/confirm-email", {"key": confirmation_key(ada)})
    assert answer.status_code == 403
    assert "Send the form again" in answer.content.decode()
    assert not is_confirmed(ada)


def test_a_new_password_is_set_by_the_form(browser: Client) -> None:
    ada = make.user(email="ada@example.org")
    answer = browser.post("/reset-password", {"key": reset_key(ada), "password": PASSWORD})
    assert answer.status_code == 200
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_a_password_that_is_too_weak_is_refused_in_words_and_the_key_stays_in_the_form(browser: Client) -> None:
    ada = make.user(email="ada@example.org")
    key = reset_key(ada)
    answer = browser.post("/reset-password", {"key": key, "password": "short"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'value="{key}"' in page
    assert "too short" in page
    assert "short&quot;" not in page
    ada.refresh_from_db()
    assert ada.password == "!"


def test_asking_for_a_new_password_says_the_same_for_every_address(browser: Client) -> None:
    make.user(email="ada@example.org")
    answers = {
        browser.post("/request-password-reset", {"email": email}).content
        for email in ("ada@example.org", "nobody@example.org")
    }
    assert len(answers) == 1
    assert OutboxEvent.objects.count() == 2


def test_guessing_keys_is_slow(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "NEXUS", replace(settings.NEXUS, rate_limits=True, rate_limit_credentials=(2, 60)))
    answers = [browser.post("/confirm-email", {"key": "wrong"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
