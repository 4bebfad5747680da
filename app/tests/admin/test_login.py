"""How operators log in."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client
from django.urls import NoReverseMatch, reverse

from nexus.kernel.errors import RateLimited
from tests import factories as make

pytestmark = pytest.mark.django_db

PASSWORD = make.PASSWORD


def attempt(handle: str, password: str, address: str = "192.0.2.1") -> tuple[Client, int]:
    client = Client(headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": address})
    answer = client.post(reverse("admin:login"), {"username": handle, "password": password})
    return client, answer.status_code


def is_in(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


def test_an_operator_logs_in_by_handle_in_any_case() -> None:
    make.user(handle="root", password=PASSWORD, is_staff=True, role="admin")
    client, status = attempt("Root", PASSWORD)
    assert (status, is_in(client)) == (302, True)


@pytest.mark.parametrize(("is_staff", "is_active"), [(False, True), (True, False)])
def test_others_do_not(is_staff: bool, is_active: bool) -> None:
    make.user(handle="root", password=PASSWORD, is_staff=is_staff, is_active=is_active)
    client, status = attempt("root", PASSWORD)
    assert (status, is_in(client)) == (200, False)


def test_a_deactivated_operator_is_out_at_once() -> None:
    root = make.user(handle="root", is_staff=True)
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(root)
    assert is_in(client)
    root.is_active = False
    root.save()
    assert not is_in(client)


def test_there_is_no_change_of_password_past_the_operations() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("admin:password_change")
    root = make.user(handle="root", is_staff=True)
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(root)
    assert client.get("/admin/password_change/").status_code == 404
    assert b"password" not in client.get(reverse("admin:index")).content.lower()


def test_guessing_ends_after_some_attempts_for_one_address_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "NEXUS", replace(settings.NEXUS, rate_limits=True, rate_limit_credentials=(3, 60)))
    make.user(handle="root", password=PASSWORD, is_staff=True)
    assert [attempt("root", "wrong")[1] for _ in range(5)] == [200, 200, 200, 429, 429]
    client, status = attempt("root", PASSWORD)
    assert (status, is_in(client)) == (429, False)
    client, status = attempt("root", PASSWORD, address="198.51.100.7")
    assert (status, is_in(client)) == (302, True)


def test_the_refusal_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "NEXUS", replace(settings.NEXUS, rate_limits=True, rate_limit_credentials=(1, 60)))
    attempt("root", "wrong")
    client = Client(headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})
    answer = client.post(reverse("admin:login"), {"username": "root", "password": "wrong"})
    assert answer.status_code == RateLimited.status
    assert 0 < int(answer.headers["Retry-After"]) <= 120
    assert f"Wait for {answer.headers['Retry-After']} seconds.".encode() in answer.content
