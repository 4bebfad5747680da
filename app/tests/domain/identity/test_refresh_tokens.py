"""refresh_tokens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from nexus.domain.identity import logins, tokens
from nexus.domain.identity.errors import InvalidRefreshToken
from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.identity.operations import log_out, refresh_tokens
from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.shapes import Tokens
from nexus.domain.users.models import User
from nexus.kernel import database, idempotency
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.idempotency import Answer, Key, Undo
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def begin(person: User | None = None) -> Tokens:
    with database.atomic():
        return logins.begin(person or make.user())


def refresh(token: str) -> Tokens:
    return refresh_tokens(actor=ANONYMOUS, refresh_token=token)


def is_refused(token: str) -> bool:
    try:
        refresh(token)
    except InvalidRefreshToken:
        return True
    return False


def let_pass(span: timedelta) -> None:
    """As if all that has happened had happened so much earlier."""
    RefreshToken.objects.update(
        issued_at=F("issued_at") - span, expires_at=F("expires_at") - span, spent_at=F("spent_at") - span
    )


def is_alive() -> bool:
    return Login.objects.get().ended_at is None


def test_a_refresh_gives_new_tokens_of_the_same_login() -> None:
    first = begin()
    second = refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert second.expires_in == 300
    assert viewer_of(second.access_token) == viewer_of(first.access_token)
    login = Login.objects.get()
    assert login.last_used_at > login.created_at


def test_tokens_are_stored_as_hashes_only() -> None:
    first = begin()
    second = refresh(first.refresh_token)
    stored = {bytes(row.token_hash) for row in RefreshToken.objects.all()}
    assert stored == {tokens.hash_of(first.refresh_token), tokens.hash_of(second.refresh_token)}


def test_the_answer_that_was_lost_is_given_again_within_ten_seconds() -> None:
    first = begin()
    second = refresh(first.refresh_token)
    let_pass(timedelta(seconds=9))
    assert refresh(first.refresh_token).refresh_token == second.refresh_token
    assert RefreshToken.objects.count() == 2
    assert is_alive()
    assert not is_refused(second.refresh_token)


def test_a_token_ends_after_thirty_days_and_each_refresh_begins_them_anew() -> None:
    first = begin()
    let_pass(timedelta(days=29))
    second = refresh(first.refresh_token)
    let_pass(timedelta(days=29))
    third = refresh(second.refresh_token)
    let_pass(timedelta(days=30, seconds=1))
    assert is_refused(third.refresh_token)


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 44, "ä" * 43, "\0" * 43, "\ud800" * 43, "x" * 100_000])
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    begin()
    assert is_refused(token)
    assert is_alive()


def test_the_tokens_of_a_login_that_has_ended_are_refused() -> None:
    given = begin()
    log_out(actor=viewer_of(given.access_token))
    assert is_refused(given.refresh_token)


def test_a_deactivated_user_gets_no_tokens() -> None:
    ada = make.user()
    given = begin(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert is_refused(given.refresh_token)


def reused() -> tuple[Tokens, Tokens]:
    first = begin()
    second = refresh(first.refresh_token)
    let_pass(timedelta(seconds=11))
    return first, second


@pytest.mark.django_db(transaction=True)
def test_a_token_that_is_used_again_later_ends_the_login_at_once() -> None:
    first, second = reused()
    viewer_of(second.access_token)
    assert is_refused(first.refresh_token)
    assert not is_alive()
    assert is_refused(second.refresh_token)
    with pytest.raises(NotAuthenticated):
        viewer_of(second.access_token)


@pytest.mark.django_db(transaction=True)
def test_a_reuse_ends_this_login_and_no_other() -> None:
    ada = make.user()
    other = begin(ada)
    first = begin(ada)
    refresh(first.refresh_token)
    let_pass(timedelta(seconds=11))
    assert is_refused(first.refresh_token)
    assert not is_refused(other.refresh_token)


def through_door(key: Key | None, token: str) -> Answer:
    return idempotency.once(key, lambda: refresh(token), _as_answer)


def _as_answer(given: Tokens) -> Answer:
    return Answer(200, given.refresh_token.encode(), is_secret=True)


KEY = Key("call:test", "a-key-of-enough-letters", b"\1" * 32)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, KEY], ids=["bare", "keyed"])
def test_a_reuse_ends_the_login_although_the_doors_transaction_is_rolled_back(key: Key | None) -> None:
    first, _ = reused()
    with pytest.raises(InvalidRefreshToken):
        through_door(key, first.refresh_token)
    assert not is_alive()
    assert idempotency.IdempotencyKey.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_reuse_ends_the_login_although_the_door_answers_with_a_document_of_errors() -> None:
    first, _ = reused()

    def document() -> Answer:
        try:
            refresh(first.refresh_token)
        except InvalidRefreshToken as error:
            raise Undo(Answer(200, b"errors")) from error
        raise AssertionError("refused before")

    assert idempotency.once(KEY, document, lambda answer: answer).body == b"errors"
    assert not is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_keyed_refresh_gives_its_answer_again() -> None:
    first = begin()
    one, two = through_door(KEY, first.refresh_token), through_door(KEY, first.refresh_token)
    assert one.body == two.body
    assert two.headers == {"Idempotent-Replayed": "true"}
    assert RefreshToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_ten_refreshes_at_once_give_one_successor() -> None:
    first = begin()

    def attempt(_: int) -> str:
        try:
            return refresh(first.refresh_token).refresh_token
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        successors = set(pool.map(attempt, range(10)))
    assert len(successors) == 1
    assert RefreshToken.objects.count() == 2
    assert is_alive()


def test_a_refresh_costs_four_statements(django_assert_num_queries: Callable[..., object]) -> None:
    first = begin()
    with django_assert_num_queries(4):  # type: ignore[attr-defined]
        refresh(first.refresh_token)
