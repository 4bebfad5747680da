"""sign_up."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nexus.domain.identity import reactions
from nexus.domain.identity.errors import HandleTaken
from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.identity.operations import sign_up
from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.shapes import SignedUp
from nexus.domain.users.models import User
from nexus.kernel.errors import InvalidInput
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.domain.identity.conftest import events

pytestmark = pytest.mark.django_db


def sign(**changes: str) -> SignedUp:
    given: dict[str, Any] = {"handle": "ada", "email": "ada@example.org", "password": make.PASSWORD}
    return sign_up(actor=ANONYMOUS, **{**given, **changes})


def complaints(**changes: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        sign(**changes)
    return [(error.pointer, error.code) for error in refused.value.errors]


def test_signing_up_makes_an_account_that_is_logged_in_and_asks_for_a_confirmation() -> None:
    made = sign(handle="Ada", email=" Ada@Example.ORG ", display_name="Ada L.")
    user = User.objects.get()
    shown = made.user
    assert (shown.id, shown.handle, shown.display_name, shown.viewer) == (user.pk, "ada", "Ada L.", None)
    assert made.tokens.expires_in == 300
    login = Login.objects.get()
    assert viewer_of(made.tokens.access_token) == Viewer(user.pk, login.pk, "user")
    address = EmailAddress.objects.get()
    assert (address.user_id, address.email) == (user.pk, "ada@example.org")
    assert (address.verified, address.primary) == (False, True)
    assert events() == [("EmailConfirmationRequested", {"user_id": user.pk, "email": "ada@example.org"})]


def test_neither_the_password_nor_a_token_is_stored() -> None:
    made = sign()
    stored = User.objects.get().password
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert User.objects.get().check_password(make.PASSWORD)
    assert made.tokens.refresh_token.encode() not in bytes(RefreshToken.objects.get().token_hash)
    assert made.tokens.refresh_token not in repr(made)
    assert made.tokens.access_token not in repr(made)


def test_the_answer_for_somebody_elses_confirmed_address_has_the_same_shape_and_statements() -> None:
    """Everything but the event is the same, so that nothing tells that the address is known."""
    make.user(email="known@example.org")
    with_statements = []
    for handle, email in (("ada", "new@example.org"), ("ben", "known@example.org")):
        with CaptureQueriesContext(connection) as captured:
            made = sign(handle=handle, email=email)
        assert made.user.handle == handle
        with_statements.append([query["sql"].split()[:3] for query in captured.captured_queries])
    assert with_statements[0] == with_statements[1]
    assert [name for name, _ in events()] == ["EmailConfirmationRequested", "AddressOwnerWarned"]
    assert events()[1][1] == {"email": "known@example.org"}


def test_the_owner_of_a_confirmed_address_is_warned_and_keeps_it(mailoutbox: list[EmailMessage]) -> None:
    owner = make.user(handle="owner", email="known@example.org")
    made = sign(email="known@example.org")
    reactions.warn_address_owner(email="known@example.org")
    reactions.send_confirmation_mail(user_id=made.user.id, email="known@example.org")
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [
        (["known@example.org"], "Nexus: Somebody signed up with your address")
    ]
    assert "your account @owner." in mailoutbox[0].body
    assert "ada" not in mailoutbox[0].body
    assert EmailAddress.objects.get(verified=True).user_id == owner.pk


def test_an_address_that_nobody_has_confirmed_can_be_claimed_by_several() -> None:
    sign(handle="ada")
    sign(handle="ben")
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("ada@example.org", False)] * 2


def test_a_handle_is_taken_in_every_case_and_nothing_is_made() -> None:
    make.user(handle="ada")
    with pytest.raises(HandleTaken) as refused:
        sign(handle="ADA")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/handle", "handle_taken")]
    assert (User.objects.count(), EmailAddress.objects.count(), Login.objects.count(), events()) == (1, 0, 0, [])


@pytest.mark.parametrize("handle", ["", "a" * 31, "a-b", "ä", "a b", "a\n", "a\0", "@ada"])
def test_a_handle_of_other_characters_is_refused(handle: str) -> None:
    assert complaints(handle=handle) == [("/handle", "invalid_handle")]


@pytest.mark.parametrize("handle", ["admin", "Root", "me", "support"])
def test_a_handle_that_speaks_for_the_installation_is_refused(handle: str) -> None:
    assert complaints(handle=handle) == [("/handle", "reserved_handle")]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a@b",
        "a b@example.org",
        "a@x.org\nBcc: b@x.org",
        "a@x.org\0",
        "ä@example.org",
        "a" * 250 + "@x.org",
        "a@" + "x" * 64 + ".org",
        "\ud800@x.org",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert complaints(email=email) == [("/email", "invalid_email")]


def test_two_spellings_of_a_domain_are_one_address() -> None:
    sign(email="ada@bücher.example")
    assert EmailAddress.objects.get().email == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("qwertyuiop", "password_too_common"),
        ("ada_lovelace1", "password_too_similar"),
        ("x" * 257, "too_long"),
    ],
)
def test_a_weak_password_is_refused(password: str, code: str) -> None:
    assert complaints(handle="ada_lovelace", password=password) == [("/password", code)]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_made() -> None:
    wrong = complaints(handle="-", email="-", password="-", display_name="a\nb")
    assert list(dict(wrong)) == ["/handle", "/display_name", "/email", "/password"]
    assert (User.objects.count(), OutboxEvent.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_ask_for_a_handle_at_once_one_gets_it() -> None:
    def attempt(number: int) -> str:
        try:
            sign(email=f"ada{number}@example.org")
        except HandleTaken:
            return "taken"
        finally:
            connection.close()
        return "made"

    # As many at once as may hash and wait; the others would be told to come again.
    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(10)))
    assert outcomes == ["made"] + ["taken"] * 9
    assert (User.objects.count(), EmailAddress.objects.count(), Login.objects.count()) == (1, 1, 1)
    assert OutboxEvent.objects.count() == 1
