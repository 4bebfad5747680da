"""viewer_of: access tokens, and how long they are believed."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from django.conf import LazySettings, settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nexus.domain.identity import logins, tokens
from nexus.domain.identity.models import Login
from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.viewers import KEPT_S, VerifiedTokens
from nexus.domain.users.models import User
from nexus.kernel import database
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db

Statements = Callable[[int], Any]


def token_of(person: User) -> str:
    with database.atomic():
        return logins.begin(person).access_token


def forged(token: str, *, key: str | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with other claims, signed by our key unless another is given."""
    kid, secret = settings.NEXUS.jwt_keys[0]
    said = jwt.decode(token, options={"verify_signature": False})
    said = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return jwt.encode(said, key or secret, algorithm="HS256", headers={"kid": kid, **(headers or {})})


def is_refused(token: str) -> bool:
    try:
        viewer_of(token)
    except NotAuthenticated:
        return True
    return False


def unsigned(token: str) -> str:
    header = json.dumps({"alg": "none", "typ": "JWT", "kid": "test"}).encode()
    head = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def test_a_token_says_who_asks_in_one_statement_and_then_in_none(django_assert_num_queries: Statements) -> None:
    ada = make.user(role="moderator")
    token = token_of(ada)
    login = Login.objects.get()
    with django_assert_num_queries(1):
        assert viewer_of(token) == Viewer(ada.pk, login.pk, "moderator")
    with django_assert_num_queries(0):
        assert viewer_of(token).user_id == ada.pk


def test_a_token_is_a_jwt_for_five_minutes_with_the_name_of_its_key() -> None:
    ada = make.user()
    token = token_of(ada)
    said = jwt.decode(token, options={"verify_signature": False})
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "test"}
    assert said.pop("exp") - said.pop("iat") == 300
    assert said == {
        "iss": "https://localhost:8443", "sub": str(ada.pk), "sid": str(Login.objects.get().pk), "role": "user",
    }  # fmt: skip


def test_the_role_is_that_of_the_account_and_not_that_of_the_token() -> None:
    ada = make.user()
    assert viewer_of(forged(token_of(ada), role="admin")).role == "user"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: forged(token, key="z" * 50),
        lambda token: forged(token, headers={"kid": "unknown"}),
        lambda token: jwt.encode({"sub": "1", "sid": "1"}, "z" * 50),
        lambda token: forged(token, exp=int(time.time()) - 1),
        lambda token: forged(token, exp=None),
        lambda token: forged(token, sub=None),
        lambda token: forged(token, sid=None),
        lambda token: forged(token, sub="ada"),
        lambda token: forged(token, sid="-1"),
        lambda token: forged(token, sub=str(2**63)),
        lambda token: forged(token, sub="1"),
        lambda token: forged(token, sid="1"),
        lambda token: forged(token, iss="https://elsewhere.example"),
        unsigned,
        lambda token: token[:-2],
        lambda token: token + "x",
        lambda token: "",
        lambda token: "a.b.c",
        lambda token: "\0",
        lambda token: "ä.ä.ä",
        lambda token: "\ud800",
        lambda token: "x" * 5000,
        lambda token: base64.urlsafe_b64encode(b"[" * 700).decode() + ".a.b",
    ],
)
def test_every_other_token_is_refused(change: Callable[[str], str]) -> None:
    assert is_refused(change(token_of(make.user())))


def test_a_token_of_another_algorithm_is_refused_also_when_our_key_has_signed_it() -> None:
    token = token_of(make.user())
    kid, secret = settings.NEXUS.jwt_keys[0]
    said = jwt.decode(token, options={"verify_signature": False})
    assert is_refused(jwt.encode(said, secret, algorithm="HS512", headers={"kid": kid}))


def test_keys_can_be_rotated_without_logging_anybody_out(settings: LazySettings) -> None:
    old, new = ("old", "o" * 40), ("new", "n" * 40)
    environment = settings.NEXUS
    settings.NEXUS = replace(environment, jwt_keys=(old,))
    before = token_of(make.user())
    settings.NEXUS = replace(environment, jwt_keys=(new, old))
    after = token_of(make.user())
    assert jwt.get_unverified_header(after)["kid"] == "new"
    assert not is_refused(before)
    settings.NEXUS = replace(environment, jwt_keys=(new,))
    assert not is_refused(after)
    with pytest.raises(NotAuthenticated):
        tokens.claims_of(before)


def test_the_token_of_an_ended_login_or_a_closed_account_is_refused() -> None:
    ada, ben = make.user(), make.user()
    first, second = token_of(ada), token_of(ben)
    Login.objects.filter(user=ada).update(ended_at="2025-01-01T00:00Z")
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert is_refused(first)
    assert is_refused(second)


def test_what_another_process_has_ended_is_believed_for_ten_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(make.user())
    viewer_of(token)
    Login.objects.update(ended_at="2025-01-01T00:00Z")
    assert not is_refused(token)
    later = time.monotonic() + KEPT_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert is_refused(token)


def test_a_token_is_not_believed_beyond_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    token = forged(token_of(make.user()), exp=int(time.time()) + 3)
    viewer_of(token)
    later_s, later = time.monotonic() + 4, time.time() + 4
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    assert later > tokens.ends_at(token)
    with CaptureQueriesContext(connection) as captured:
        viewer_of(token)  # by the wall clock it is good; it was read again
    assert len(captured) == 1


def test_an_answer_that_was_read_before_something_was_forgotten_is_not_kept() -> None:
    cache = VerifiedTokens()
    ends_at = time.time() + 300

    def read() -> Viewer:
        cache.forget(login_id=7)  # as another thread does after its commit
        return Viewer(1, 7)

    assert cache.remember("token", ends_at, read) == Viewer(1, 7)
    assert cache.get("token") is None
    cache.remember("token", ends_at, lambda: Viewer(1, 7))
    assert cache.get("token") == Viewer(1, 7)


def test_the_cache_forgets_what_it_is_told_and_the_least_used_when_it_is_full() -> None:
    cache = VerifiedTokens(size=3)
    ends_at = time.time() + 300
    for user_id, login_id in ((1, 10), (1, 11), (2, 20)):
        cache.remember(str(login_id), ends_at, lambda: Viewer(user_id, login_id))  # noqa: B023  (called at once)
    cache.get("10")
    cache.remember("30", ends_at, lambda: Viewer(3, 30))
    assert [token for token in ("10", "11", "20", "30") if cache.get(token)] == ["10", "20", "30"]
    cache.forget(login_id=20)
    assert [token for token in ("10", "20", "30") if cache.get(token)] == ["10", "30"]
    cache.forget(user_id=1)
    assert len(cache) == 1


@pytest.mark.parametrize(("is_required", "is_confirmed", "may_write"), [
    (False, False, True), (False, True, True), (True, False, False), (True, True, True),
])  # fmt: skip
def test_who_has_not_confirmed_may_not_write_where_that_is_required(
    settings: LazySettings, is_required: bool, is_confirmed: bool, may_write: bool,
    django_assert_num_queries: Statements,
) -> None:  # fmt: skip
    settings.NEXUS = replace(settings.NEXUS, require_confirmed_email=is_required)
    token = token_of(make.user(email="ada@example.org", is_confirmed=is_confirmed))
    with django_assert_num_queries(1):
        assert viewer_of(token).may_write is may_write
