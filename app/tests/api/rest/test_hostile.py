"""What an attacker would try on each endpoint: every answer is a problem document, and nothing has been written."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from nexus.domain.posts.models import Post
from nexus.domain.users.models import User
from nexus.kernel.idempotency import IdempotencyKey
from tests.api.calling import bearer
from tests.factories import post, user

pytestmark = pytest.mark.django_db

API = "/api/v1"


def shortly(value: object) -> str:
    return str(value)[:40]


@pytest.fixture
def author() -> User:
    return user(handle="author")


def send(person: User | None, method: str, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    found = {**bearer(person), **(headers or {})}
    return client.generic(method, API + path, data, content_type="application/json", headers=found)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    found: dict[str, Any] = answer.json()
    assert found["code"] == code, found
    return found


def rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (User, Post, IdempotencyKey)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "a", "text": "b"}',
        b'{"text": {"a": 1, "a": 2}}',
        b'{"text": "a", "t\\u0065xt": "b"}',
        b'{"text": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"[" * 30_000 + b"]" * 30_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"text": ' + b"9" * 50_000 + b"}",
        b'{"text": 1e400}',
        b'{"text": "\xc0\xaf"}',
        b'{"text": "a\0b"}',
        b'{"text": "\\udc00\\ud800"}',
        b'\xef\xbb\xbf{"text": "a"}',
        '{"text": "a"}'.encode("utf-16"),
        b'{"text": "a"} {"text": "b"}',
        b'{"text": "a" /* */}',
    ],
    ids=shortly,
)
def test_a_body_that_two_readers_could_understand_differently_is_refused(author: User, body: bytes) -> None:
    before = rows()
    refused(send(author, "POST", "/posts", body), 400, "malformed")
    assert rows() == before


ACCOUNT = {"handle": "ada", "email": "ada@example.org", "password": "a long enough phrase", "display_name": "Ada"}
FIELDS: list[tuple[str, str, dict[str, str], str]] = [
    *(("POST", "/identity/sign-up", ACCOUNT, name) for name in ("handle", "email", "display_name")),
    ("POST", "/identity/email/resend", {"email": "a@example.org"}, "email"),
    ("POST", "/identity/email/confirm", {"key": "a"}, "key"),
    ("POST", "/identity/password/request-reset", {"email": "a@example.org"}, "email"),
    *(("POST", "/identity/password/reset", {"key": "a", "password": "a" * 20}, name) for name in ("key", "password")),
    *(("POST", "/identity/log-in", {"login": "author", "password": "x"}, name) for name in ("login", "password")),
    ("POST", "/identity/refresh", {"refresh_token": "a"}, "refresh_token"),
    *(("PATCH", "/me", {"display_name": "A", "bio": "b"}, name) for name in ("display_name", "bio")),
    *(
        ("POST", "/posts", {"text": "a", "content_warning": "b", "visibility": "public", "reply_to_id": "1"}, name)
        for name in ("text", "content_warning", "visibility", "reply_to_id")
    ),
    *(("PATCH", "/posts/{post}", {"text": "a", "content_warning": "b"}, name) for name in ("text", "content_warning")),
    ("POST", "/notifications/read", {"up_to_id": "1"}, "up_to_id"),
]


VALUES: list[object] = ["\0", "a\0b", "\x1b[31m", "\u202ea", "\ud800", 7, None, ["a"], {"a": "b"}, True]
# null stands for none there
SENT = [(*field, value) for field in FIELDS for value in VALUES if value is not None or not field[3].endswith("_id")]


@pytest.mark.parametrize(("method", "path", "body", "name", "value"), SENT)
def test_no_field_takes_what_is_no_text(
    author: User, method: str, path: str, body: dict[str, str], name: str, value: object
) -> None:
    target = path.format(post=post(author).id)
    before = rows()
    answer = send(author, method, target, {**body, name: value})
    assert answer.status_code in (400, 401, 422), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert rows() == before


def test_a_zero_stands_in_front_of_no_id(author: User) -> None:
    written = post(author)
    refused(send(author, "GET", f"/posts/0{written.id}", b""), 404, "not_found")
    refused(send(author, "POST", "/posts", {"text": "a", "reply_to_id": f"0{written.id}"}), 422, "invalid_input")


def test_a_parameter_is_sent_once(author: User) -> None:
    refused(send(author, "GET", "/timelines/public?limit=1&limit=2", b""), 422, "invalid_input")


@pytest.mark.parametrize("path", ["/me", "/posts", "/posts/{post}", "/notifications/read"])
def test_nobody_is_told_anything_about_his_input_before_he_has_logged_in(author: User, path: str) -> None:
    method = "POST" if path in ("/posts", "/notifications/read") else "PATCH"
    target = path.format(post=post(author).id)
    for body in (b"{", b'{"unknown": 1}', b" " * 70_000):
        assert refused(send(None, method, target, body), 401, "not_authenticated")["errors"] == []


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"},
        {"alg": "NoNe"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"kid": "another"},
        {"kid": ["k1"]},
        {"kid": {}},
        {"kid": None},
        {"crit": 5},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "oct", "k": "AA"}},
        b'{"alg": "HS256"}',
        b"[]",
        b"[" * 300,
        b'{"alg": NaN}',
        b'{"alg": "HS256", "kid": "\\ud800"}',
        bytes(range(128, 200)),
    ],
    ids=shortly,
)
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_token_with_another_head_is_none(author: User, head: dict[str, object] | bytes, is_signed: bool) -> None:
    true, claims, signature = bearer(author)["Authorization"].removeprefix("Bearer ").split(".")
    other = head if isinstance(head, bytes) else {**decoded(true), **head}
    token = ".".join([encoded(other), claims, signature if is_signed else ""])
    refused(send(None, "GET", "/instance", b"", {"Authorization": f"Bearer {token}"}), 401, "not_authenticated")


@pytest.mark.parametrize("change", [{"sub": "1"}, {"role": "admin"}, {"exp": 9_999_999_999}, {"sid": "1"}])
def test_a_token_with_other_claims_is_none(author: User, change: dict[str, object]) -> None:
    head, claims, signature = bearer(author)["Authorization"].removeprefix("Bearer ").split(".")
    token = ".".join([head, encoded({**decoded(claims), **change}), signature])
    refused(send(None, "GET", "/me", b"", {"Authorization": f"Bearer {token}"}), 401, "not_authenticated")


@pytest.mark.parametrize(
    "tag", ['"v0.x"', "v1", 'W/"v1.0"', '""', '"v99999999999999"', '"v-1.x"', '"v1', ",", " ", "é", '"v1.x"x']
)
def test_what_is_no_tag_of_ours_matches_nothing(author: User, tag: str) -> None:
    written = post(author, text="before", version=2)
    answer = send(author, "PATCH", f"/posts/{written.id}", {"text": "after"}, {"If-Match": tag})
    refused(answer, 412, "precondition_failed")
    assert Post.objects.get().text == "before"


@pytest.mark.parametrize(
    "key", ["", "short", "a" * 15, "a" * 129, '"' + "a" * 16, "a" * 16 + " b", "é" * 16, '"' + "a" * 15 + '"']
)
def test_a_key_that_is_none_stops_the_call(author: User, key: str) -> None:
    before = rows()
    refused(send(author, "POST", "/posts", {"text": "a"}, {"Idempotency-Key": key}), 400, "idempotency_key_invalid")
    assert rows() == before


def test_an_invented_address_does_not_help_against_the_limits() -> None:
    strict = dataclasses.replace(settings.NEXUS, rate_limits=True, rate_limit_credentials=(3, 60))
    with override_settings(NEXUS=strict):
        answers = [
            send(
                None,
                "POST",
                "/identity/log-in",
                {"login": "a", "password": "b"},
                {"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.1"},
            )
            for n in range(5)
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


def test_the_refusal_of_a_host_tells_its_own_id(author: User) -> None:
    client = Client(raise_request_exception=False)
    client.get(f"{API}/instance", headers={"X-Request-ID": "the-one-before"})
    answer = client.get(f"{API}/instance", headers={"X-Request-ID": "this-one", "Host": "evil.example"})
    assert refused(answer, 400, "malformed")["trace_id"] == "this-one"
