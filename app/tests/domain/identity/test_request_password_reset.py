"""request_password_reset."""

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nexus.domain.identity import reactions
from nexus.domain.identity.operations import request_password_reset
from nexus.kernel.errors import InvalidInput
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make
from tests.domain.identity.conftest import events, key_in

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.org"


def test_known_and_unknown_addresses_cost_the_same_statements_and_events() -> None:
    make.user(email=EMAIL)
    costs = []
    for email in ("ADA@example.org", "unknown@example.org"):
        with CaptureQueriesContext(connection) as captured:
            request_password_reset(actor=ANONYMOUS, email=email)
        costs.append(len(captured))
    assert costs == [1, 1]
    assert events() == [
        ("PasswordResetRequested", {"email": EMAIL}),
        ("PasswordResetRequested", {"email": "unknown@example.org"}),
    ]


def test_the_owner_of_the_address_gets_a_key_and_those_who_claim_it_get_none(mailoutbox: list[EmailMessage]) -> None:
    make.user(handle="ada", email=EMAIL)
    make.user(handle="ben", email=EMAIL, is_confirmed=False)
    reactions.send_password_reset_mail(email=EMAIL)
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([EMAIL], "Nexus: Set a new password")
    assert key_in(mail, "ada")
    assert "@ben" not in mail.body


def test_who_has_not_confirmed_the_address_yet_gets_a_key_too(mailoutbox: list[EmailMessage]) -> None:
    make.user(handle="ada", email=EMAIL, is_confirmed=False)
    reactions.send_password_reset_mail(email=EMAIL)
    assert key_in(mailoutbox[0], "ada")


def test_no_mail_goes_to_unknown_addresses_and_closed_accounts(mailoutbox: list[EmailMessage]) -> None:
    make.user(email="closed@example.org", is_active=False)
    make.user(email="closed@example.org", is_confirmed=False)
    for email in ("unknown@example.org", "closed@example.org"):
        reactions.send_password_reset_mail(email=email)
    assert mailoutbox == []


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        request_password_reset(actor=ANONYMOUS, email="ada")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/email", "invalid_email")]
    assert events() == []
