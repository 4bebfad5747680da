"""reset_password."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import pytest
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils.http import int_to_base36

from nexus.domain.identity import logins
from nexus.domain.identity.errors import InvalidCredentials, InvalidKey, InvalidRefreshToken
from nexus.domain.identity.models import Login
from nexus.domain.identity.operations import log_in, refresh_tokens, reset_password
from nexus.domain.identity.queries import viewer_of
from nexus.domain.users.models import User
from nexus.kernel import database
from nexus.kernel.errors import InvalidInput, NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db
KeyOf = Callable[[User, str], str]

EMAIL = "ada@example.org"
NEW = "a wholly new secret"


def reset(key: str, password: str = NEW) -> None:
    reset_password(actor=ANONYMOUS, key=key, password=password)


def has_password(person: User, password: str) -> bool:
    return bool(User.objects.get(pk=person.pk).check_password(password))


@pytest.mark.django_db(transaction=True)
def test_the_new_password_counts_and_every_login_is_ended_at_once(reset_key: KeyOf) -> None:
    ada = make.user(handle="ada", email=EMAIL, password=make.PASSWORD)
    other = make.user()
    with database.atomic():
        old, others = logins.begin(ada), logins.begin(other)
    assert viewer_of(old.access_token).user_id == ada.pk
    reset(reset_key(ada, EMAIL))
    with pytest.raises(NotAuthenticated):
        viewer_of(old.access_token)
    with pytest.raises(InvalidRefreshToken):
        refresh_tokens(actor=ANONYMOUS, refresh_token=old.refresh_token)
    with pytest.raises(InvalidCredentials):
        log_in(actor=ANONYMOUS, login="ada", password=make.PASSWORD)
    log_in(actor=ANONYMOUS, login=EMAIL, password=NEW)
    assert viewer_of(others.access_token).user_id == other.pk


def test_a_reset_confirms_the_address_at_which_the_key_was_received(reset_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False)
    EmailAddress.objects.create(user=ada, email="second@example.org")
    reset(reset_key(ada, EMAIL))
    assert list(EmailAddress.objects.filter(verified=True).values_list("email", flat=True)) == [EMAIL]


def test_a_key_works_once(reset_key: KeyOf) -> None:
    ada = make.user(email=EMAIL)
    key = reset_key(ada, EMAIL)
    reset(key)
    with pytest.raises(InvalidKey):
        reset(key, "and another secret")
    assert has_password(ada, NEW)


def test_a_key_ends_after_an_hour(reset_key: KeyOf, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = make.user(email=EMAIL, password=make.PASSWORD)
    with monkeypatch.context() as an_hour_ago:
        then = datetime.now() - timedelta(hours=1, seconds=1)  # noqa: DTZ005  (as Django's generator does)
        an_hour_ago.setattr(EmailAwarePasswordResetTokenGenerator, "_now", lambda self: then)
        key = reset_key(ada, EMAIL)
    with pytest.raises(InvalidKey):
        reset(key)
    assert has_password(ada, make.PASSWORD)


def test_a_key_of_one_address_is_none_of_another_address_or_account(reset_key: KeyOf) -> None:
    ada, ben = make.user(email=EMAIL), make.user(email="ben@example.org")
    second = EmailAddress.objects.create(user=ada, email="second@example.org")
    _, _, token = reset_key(ada, EMAIL).partition("-")
    other, _, _ = reset_key(ben, "ben@example.org").partition("-")
    for forged in (f"{other}-{token}", f"{int_to_base36(second.pk)}-{token}"):
        with pytest.raises(InvalidKey):
            reset(forged)
    assert not has_password(ben, NEW)
    assert not EmailAddress.objects.get(pk=second.pk).verified


@pytest.mark.parametrize(
    "key", ["", "-", "1-", "zzzzzzzzzzzzz-a-b", "1-a-b", "ä-1-1", "\0-1-1", "\ud800", "1" * 9000, "!-a-b"]
)
def test_what_is_no_key_changes_nothing(key: str) -> None:
    ada = make.user(email=EMAIL, password=make.PASSWORD)
    with pytest.raises(InvalidKey):
        reset(key)
    assert has_password(ada, make.PASSWORD)


def test_a_weak_password_is_refused_and_the_key_stays_good(reset_key: KeyOf) -> None:
    ada = make.user(handle="ada_lovelace", email=EMAIL, password=make.PASSWORD)
    key = reset_key(ada, EMAIL)
    with pytest.raises(InvalidInput) as refused:
        reset(key, "ada_lovelace")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/password", "password_too_similar")]
    assert has_password(ada, make.PASSWORD)
    reset(key)


def test_an_address_that_somebody_else_has_confirmed_meanwhile_resets_nothing(reset_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False, password=make.PASSWORD)
    key = reset_key(ada, EMAIL)
    make.user(email=EMAIL)
    with pytest.raises(InvalidKey):
        reset(key)
    assert has_password(ada, make.PASSWORD)


def test_a_closed_account_stays_as_it_is(reset_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, password=make.PASSWORD)
    key = reset_key(ada, EMAIL)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(InvalidKey):
        reset(key)
    assert has_password(ada, make.PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_key_at_once_one_sets_the_password(reset_key: KeyOf) -> None:
    ada = make.user(email=EMAIL)
    key = reset_key(ada, EMAIL)

    def attempt(password: str) -> str | None:
        try:
            reset(key, password)
        except InvalidKey:
            return None
        finally:
            connection.close()
        return password

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=ada.pk)
            attempts = [pool.submit(attempt, password) for password in ("the first secret", "the other secret")]
            # Long enough for both hashes: the two wait for our lock now.
            assert not wait(attempts, timeout=0.5).done
        outcomes = [password for each in attempts if (password := each.result())]
    assert len(outcomes) == 1
    assert has_password(ada, outcomes[0])
    assert Login.objects.count() == 0
