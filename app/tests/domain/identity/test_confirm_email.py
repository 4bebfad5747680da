"""confirm_email."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import override_settings

from nexus.domain.identity.errors import InvalidKey
from nexus.domain.identity.operations import confirm_email
from nexus.domain.users.models import User
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db
KeyOf = Callable[[User, str], str]

EMAIL = "ada@example.org"


def owners() -> list[int]:
    return list(EmailAddress.objects.filter(verified=True).values_list("user_id", flat=True))


def test_the_key_of_the_mail_makes_the_address_the_accounts_own(confirmation_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False)
    confirm_email(actor=ANONYMOUS, key=confirmation_key(ada, EMAIL))
    assert owners() == [ada.pk]


def test_a_key_works_once(confirmation_key: KeyOf) -> None:
    key = confirmation_key(make.user(email=EMAIL, is_confirmed=False), EMAIL)
    confirm_email(actor=ANONYMOUS, key=key)
    with pytest.raises(InvalidKey):
        confirm_email(actor=ANONYMOUS, key=key)


def test_one_who_may_not_write_yet_may_confirm(confirmation_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False)
    confirm_email(actor=Viewer(ada.pk, may_write=False), key=confirmation_key(ada, EMAIL))
    assert owners() == [ada.pk]


def test_a_key_ends_after_three_days(confirmation_key: KeyOf, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False)
    then = time.time() - timedelta(days=3, seconds=1).total_seconds()
    with monkeypatch.context() as three_days_ago:
        three_days_ago.setattr(time, "time", lambda: then)
        key = confirmation_key(ada, EMAIL)
    with pytest.raises(InvalidKey):
        confirm_email(actor=ANONYMOUS, key=key)
    assert owners() == []


@pytest.mark.parametrize("key", ["", "x", ":", "a:b:c", "\0", "é:b:c", "\ud800", "a" * 5000, "1:1:1" * 20])
def test_what_is_no_key_confirms_nothing(key: str) -> None:
    make.user(email=EMAIL, is_confirmed=False)
    with pytest.raises(InvalidKey):
        confirm_email(actor=ANONYMOUS, key=key)
    assert owners() == []


def test_a_key_signed_by_another_installation_confirms_nothing(confirmation_key: KeyOf) -> None:
    ada = make.user(email=EMAIL, is_confirmed=False)
    with override_settings(SECRET_KEY="y" * 60):
        key = confirmation_key(ada, EMAIL)
    with pytest.raises(InvalidKey):
        confirm_email(actor=ANONYMOUS, key=key)
    assert owners() == []


def test_an_address_that_somebody_else_has_confirmed_stays_theirs(confirmation_key: KeyOf) -> None:
    ada, ben = (make.user(email=EMAIL, is_confirmed=False) for _ in range(2))
    late = confirmation_key(ada, EMAIL)
    confirm_email(actor=ANONYMOUS, key=confirmation_key(ben, EMAIL))
    with pytest.raises(InvalidKey):
        confirm_email(actor=ANONYMOUS, key=late)
    assert owners() == [ben.pk]


@pytest.mark.django_db(transaction=True)
def test_of_five_who_confirm_an_address_at_once_one_gets_it(confirmation_key: KeyOf) -> None:
    keys = [confirmation_key(make.user(email=EMAIL, is_confirmed=False), EMAIL) for _ in range(5)]

    def attempt(key: str) -> str:
        try:
            confirm_email(actor=ANONYMOUS, key=key)
        except InvalidKey:
            return "refused"
        finally:
            connection.close()
        return "confirmed"

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(attempt, keys)) == ["confirmed"] + ["refused"] * 4
    assert len(owners()) == 1
