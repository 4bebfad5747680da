"""What tests of identity share: keys as they arrive by mail."""

import re
from collections.abc import Callable

import pytest
from django.core.mail import EmailMessage

from nexus.domain.identity import reactions
from nexus.domain.users.models import User
from nexus.kernel.outbox import OutboxEvent

KeyFor = Callable[..., str]


def key_in(mail: EmailMessage, handle: str) -> str:
    """The key for a handle, as a person reads it in the mail."""
    found = re.search(rf"For @{handle}:\n  https://localhost:8443/[a-z-]+#(\S+)\n", str(mail.body) + "\n")
    assert found, mail.body
    return found[1]


def events() -> list[tuple[str, dict[str, object]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


@pytest.fixture
def confirmation_key(mailoutbox: list[EmailMessage]) -> Callable[[User, str], str]:
    def ask(person: User, email: str) -> str:
        reactions.send_confirmation_mail(user_id=person.pk, email=email)
        return key_in(mailoutbox[-1], person.handle)

    return ask


@pytest.fixture
def reset_key(mailoutbox: list[EmailMessage]) -> Callable[[User, str], str]:
    def ask(person: User, email: str) -> str:
        reactions.send_password_reset_mail(email=email)
        return key_in(mailoutbox[-1], person.handle)

    return ask
