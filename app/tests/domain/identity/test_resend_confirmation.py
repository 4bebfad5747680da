"""resend_confirmation."""

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nexus.domain.identity import reactions
from nexus.domain.identity.operations import confirm_email, resend_confirmation
from nexus.kernel.errors import InvalidInput
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make
from tests.domain.identity.conftest import events, key_in

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.org"


def test_known_and_unknown_addresses_cost_the_same_statements_and_events() -> None:
    make.user(email="known@example.org", is_confirmed=False)
    costs = []
    for email in ("known@example.org", "unknown@example.org"):
        with CaptureQueriesContext(connection) as captured:
            resend_confirmation(actor=ANONYMOUS, email=email)
        costs.append(len(captured))
    assert costs == [1, 1]
    assert events() == [
        ("EmailConfirmationRequested", {"user_id": None, "email": "known@example.org"}),
        ("EmailConfirmationRequested", {"user_id": None, "email": "unknown@example.org"}),
    ]


def test_a_mail_has_a_working_key_for_each_account_that_claims_the_address(mailoutbox: list[EmailMessage]) -> None:
    ada, ben = (make.user(handle=handle, email=EMAIL, is_confirmed=False) for handle in ("ada", "ben"))
    resend_confirmation(actor=ANONYMOUS, email="ADA@example.org")
    reactions.send_confirmation_mail(user_id=None, email=events()[0][1]["email"])  # type: ignore[arg-type]
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([EMAIL], "Nexus: Confirm your address")
    assert key_in(mail, ada.handle) != key_in(mail, ben.handle)
    confirm_email(actor=ANONYMOUS, key=key_in(mail, "ben"))


def test_the_mail_that_an_actor_asks_for_is_about_his_account_only(mailoutbox: list[EmailMessage]) -> None:
    ada = make.user(handle="ada", email=EMAIL, is_confirmed=False)
    make.user(handle="ben", email=EMAIL, is_confirmed=False)
    resend_confirmation(actor=make.viewer(ada), email=EMAIL)
    assert events() == [("EmailConfirmationRequested", {"user_id": ada.pk, "email": EMAIL})]
    reactions.send_confirmation_mail(user_id=ada.pk, email=EMAIL)
    assert "@ada:" in mailoutbox[0].body
    assert "@ben:" not in mailoutbox[0].body


def test_no_mail_goes_to_an_address_that_nobody_claims_or_that_is_confirmed(mailoutbox: list[EmailMessage]) -> None:
    owner = make.user(email=EMAIL)
    claimant = make.user(email=EMAIL, is_confirmed=False)
    closed = make.user(email="closed@example.org", is_confirmed=False, is_active=False)
    for user_id in (None, owner.pk, claimant.pk):
        reactions.send_confirmation_mail(user_id=user_id, email=EMAIL)
    reactions.send_confirmation_mail(user_id=closed.pk, email="closed@example.org")
    reactions.send_confirmation_mail(user_id=None, email="unknown@example.org")
    reactions.send_confirmation_mail(user_id=owner.pk, email="unknown@example.org")
    assert mailoutbox == []


def test_many_claims_make_one_mail_about_the_five_newest(mailoutbox: list[EmailMessage]) -> None:
    people = [make.user(email=EMAIL, is_confirmed=False) for _ in range(7)]
    reactions.send_confirmation_mail(user_id=None, email=EMAIL)
    (mail,) = mailoutbox
    assert [f"For @{person.handle}:" in mail.body for person in people] == [False] * 2 + [True] * 5


def test_the_oldest_of_many_claims_still_gets_a_mail_when_it_asks_itself(mailoutbox: list[EmailMessage]) -> None:
    people = [make.user(email=EMAIL, is_confirmed=False) for _ in range(7)]
    reactions.send_confirmation_mail(user_id=people[0].pk, email=EMAIL)
    assert key_in(mailoutbox[0], people[0].handle)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        resend_confirmation(actor=ANONYMOUS, email="nobody")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/email", "invalid_email")]
    assert events() == []
