"""log_in."""

import threading

import pytest
from argon2 import PasswordHasher
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from nexus.domain.identity import passwords
from nexus.domain.identity.errors import InvalidCredentials
from nexus.domain.identity.models import Login
from nexus.domain.identity.operations import log_in
from nexus.domain.identity.queries import viewer_of
from nexus.domain.users.models import User
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.org"


def enter(login: str, password: str = make.PASSWORD) -> Viewer:
    return viewer_of(log_in(actor=ANONYMOUS, login=login, password=password).access_token)


@pytest.mark.parametrize("login", ["ada", "ADA", "@ada", " ada ", EMAIL, "Ada@Example.org"])
def test_the_handle_and_the_confirmed_address_log_in(login: str) -> None:
    ada = make.user(handle="ada", email=EMAIL, password=make.PASSWORD)
    assert enter(login) == Viewer(ada.pk, Login.objects.get().pk, "user")


def test_each_login_is_one_of_its_own() -> None:
    make.user(handle="ada", password=make.PASSWORD)
    assert enter("ada").login_id != enter("ada").login_id


def test_an_operator_logs_in_with_his_role() -> None:
    make.user(handle="ada", password=make.PASSWORD, role="admin")
    assert enter("ada").role == "admin"


def test_every_refusal_is_the_same_and_costs_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    turn = passwords.Bounded.turn

    def counted(self: passwords.Bounded) -> object:
        hashed.append(login)
        return turn(self)

    make.user(handle="ada", email=EMAIL, password=make.PASSWORD)
    make.user(handle="ben", email="ben@example.org", is_confirmed=False, password=make.PASSWORD)
    make.user(handle="closed", email="closed@example.org", password=make.PASSWORD, is_active=False)
    make.user(handle="nopassword")
    monkeypatch.setattr(passwords.Bounded, "turn", counted)
    refusals = set()
    attempts = [
        *((login, "wrong password") for login in ("ada", EMAIL)),
        *((login, make.PASSWORD) for login in ("unknown", "unknown@example.org", "ben@example.org", "ada\0", "ä@b")),
        *((login, make.PASSWORD) for login in ("closed", "closed@example.org")),
        *((login, "") for login in ("ada", "nopassword", "")),
        ("nopassword", "!"),
    ]
    for login, password in attempts:
        with pytest.raises(InvalidCredentials) as refused:
            log_in(actor=ANONYMOUS, login=login, password=password)
        refusals.add((refused.value.code, refused.value.status, refused.value.detail, refused.value.errors))
    assert len(refusals) == 1
    assert hashed == [login for login, _ in attempts]
    assert Login.objects.count() == 0


def test_the_same_characters_in_another_spelling_are_the_same_password() -> None:
    make.user(handle="ada", password="cafe\u0301 au lait")
    assert enter("ada", "caf\u00e9 au lait").user_id


def test_a_hash_of_older_parameters_is_taken() -> None:
    ada = make.user(handle="ada")
    older = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(make.PASSWORD)
    User.objects.filter(pk=ada.pk).update(password="argon2" + older)
    assert enter("ada").user_id == ada.pk


@pytest.mark.django_db(transaction=True)
def test_a_login_by_the_old_password_does_not_survive_a_change_that_was_made_while_it_was_hashed() -> None:
    ada = make.user(handle="ada", password=make.PASSWORD)
    outcome: list[str] = []

    def attempt() -> None:
        try:
            log_in(actor=ANONYMOUS, login="ada", password=make.PASSWORD)
            outcome.append("in")
        except InvalidCredentials:
            outcome.append("refused")
        finally:
            connection.close()

    with transaction.atomic():
        User.objects.filter(pk=ada.pk).update(password=make_password("another password"))
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(0.5)  # long enough for the hash: it waits for our lock now
        assert outcome == []
    thread.join()
    assert outcome == ["refused"]
    assert Login.objects.count() == 0
