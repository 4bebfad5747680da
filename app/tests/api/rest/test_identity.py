"""Identity by REST: what only this door adds to the operations."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.users.models import User
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/v1/identity/"
NEW = {"handle": "ada", "email": "ada@example.org", "password": make.PASSWORD}


def send(path: str, body: dict[str, Any] | None = None, *, key: str | None = None, token: str | None = None) -> Any:
    headers = {"Idempotency-Key": key, "Authorization": token and f"Bearer {token}"}
    return Client().post(
        PATH + path, body, content_type="application/json", headers={k: v for k, v in headers.items() if v}
    )


def test_signing_up_answers_with_tokens_that_nothing_between_may_keep() -> None:
    answer = send("sign-up", NEW)
    shown = answer.json()
    assert (answer.status_code, answer["Cache-Control"], "ETag" in answer) == (201, "no-store", False)
    assert list(shown) == ["access_token", "token_type", "expires_in", "refresh_token", "user"]
    assert (shown["token_type"], shown["expires_in"], shown["user"]["handle"]) == ("Bearer", 300, "ada")
    me = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {shown['access_token']}"})
    assert (me.status_code, me.json()["id"]) == (200, shown["user"]["id"])


def test_the_answer_is_the_same_for_a_known_and_an_unknown_address() -> None:
    make.user(email="known@example.org")
    answers = [
        send("sign-up", {**NEW, "handle": handle, "email": f"{whose}@example.org"})
        for handle, whose in (("ada", "unknown"), ("ben", "known"))
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert list(answers[0].json()) == list(answers[1].json())
    assert dict(answers[0].headers) == dict(answers[1].headers)


def test_a_sign_up_that_is_sent_again_makes_one_account_and_gives_the_same_tokens() -> None:
    one, two = (send("sign-up", NEW, key="0123456789abcdef") for _ in range(2))
    assert one.content == two.content
    assert two["Idempotent-Replayed"] == "true"
    assert (User.objects.count(), Login.objects.count(), EmailAddress.objects.count()) == (1, 1, 1)


def test_a_wrong_password_is_401_with_a_challenge() -> None:
    answer = send("log-in", {"login": "ada", "password": "wrong"})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "invalid_credentials"


def test_a_handle_that_is_taken_is_409_and_points_at_the_field() -> None:
    make.user(handle="ada")
    answer = send("sign-up", NEW)
    assert (answer.status_code, answer.json()["code"]) == (409, "handle_taken")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/handle"]


def test_the_way_from_log_in_by_refresh_to_log_out() -> None:
    make.user(handle="ada", password=make.PASSWORD)
    first = send("log-in", {"login": "ada", "password": make.PASSWORD}).json()
    second = send("refresh", {"refresh_token": first["refresh_token"]})
    assert (second.status_code, second["Cache-Control"]) == (200, "no-store")
    assert list(second.json()) == ["access_token", "token_type", "expires_in", "refresh_token"]
    out = send("log-out", token=second.json()["access_token"])
    assert (out.status_code, out.content) == (204, b"")
    after = send("refresh", {"refresh_token": second.json()["refresh_token"]})
    assert (after.status_code, after.json()["code"]) == (401, "invalid_refresh_token")
    assert send("log-out", token=second.json()["access_token"]).status_code == 401
    assert RefreshToken.objects.count() == 2


@pytest.mark.parametrize("path", ["email/resend", "password/request-reset"])
def test_asking_for_a_mail_tells_nothing(path: str) -> None:
    make.user(email="known@example.org")
    answers = [send(path, {"email": email}) for email in ("known@example.org", "unknown@example.org")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert dict(answers[0].headers) == dict(answers[1].headers)


@pytest.mark.parametrize(("path", "body"), [("email/confirm", {}), ("password/reset", {"password": make.PASSWORD})])
def test_a_wrong_key_is_422(path: str, body: dict[str, str]) -> None:
    answer = send(path, {"key": "wrong", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_key")
