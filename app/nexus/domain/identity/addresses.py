"""E-mail addresses and the keys that are sent to them: all that Nexus uses of allauth, without requests and forms."""

from typing import Final

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.db.models import Q
from django.utils.http import base36_to_int, int_to_base36

from nexus.domain.identity.errors import InvalidKey
from nexus.domain.users.models import User
from nexus.kernel import database

EMAIL_MAX: Final = 254
_KEY_MAX: Final = 200
# Anybody can claim any address: its owner gets one mail, about so many of the accounts that claim it.
_CLAIMS_MAX: Final = 5


def normalised(email: str) -> str | None:
    """The one spelling of an address, or None for what is no address. Compared and stored in this form only."""
    local, at, domain = email.strip().lower().rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode()}"
        validate_email(address)
    except (ValidationError, UnicodeError):
        return None
    return address if len(address) <= EMAIL_MAX and address.isascii() and address.isprintable() else None


def claim(user: User, email: str) -> None:
    """Notes that the user says the address is theirs."""
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=False)


def is_owned(email: str) -> bool:
    """Whether somebody has confirmed the address."""
    return bool(EmailAddress.objects.filter(email=email, verified=True).exists())


def owner_of(email: str) -> User | None:
    """The one who has confirmed the address."""
    owner: User | None = User.objects.filter(emailaddress__email=email, emailaddress__verified=True).first()
    return owner


def holders(email: str, user_id: int | None = None) -> list[EmailAddress]:
    """Whom mail for the address is about: its owner alone, or the newest accounts that claim it while it has none.

    With `user_id`, that one among them.
    """
    rows = EmailAddress.objects.filter(email=email).select_related("user").order_by("-verified", "-pk")
    found = list(rows.filter(Q(verified=True) | Q(user_id=user_id)) if user_id is not None else rows[:_CLAIMS_MAX])
    only = [address for address in found if address.verified] or found
    return [address for address in only if address.user.is_active and user_id in (None, address.user_id)]


def confirmation_key(address: EmailAddress) -> str:
    """A signed key that confirms the address; valid for three days."""
    return str(EmailConfirmationHMAC.create(address).key)


def confirm(key: str) -> None:
    """Confirms the address that the key was sent to; raises InvalidKey, also when somebody else was first."""
    confirmation = EmailConfirmationHMAC.from_key(key) if _may_be_key(key) else None
    if confirmation is None:
        raise InvalidKey
    confirm_address(confirmation.email_address)


def confirm_address(address: EmailAddress) -> None:
    """Makes the address its claimant's own; raises InvalidKey when it is somebody else's."""
    try:
        if not address.set_verified():
            raise InvalidKey
    except IntegrityError as error:
        if database.constraint(error) == "unique_verified_email":
            raise InvalidKey from None
        raise


def reset_key(address: EmailAddress) -> str:
    """A key to set a new password, valid for an hour and until the password or the addresses change."""
    return f"{int_to_base36(address.pk)}-{_reset_keys(address).make_token(address.user)}"


def address_of(reset_key: str) -> EmailAddress | None:
    """The address, with its user, that a valid key to set a new password was sent to."""
    first, _, _ = reset_key.partition("-")
    try:
        pk = base36_to_int(first) if _may_be_key(reset_key) else 0
    except ValueError:
        return None
    address = EmailAddress.objects.select_related("user").filter(pk=pk, user__is_active=True).first()
    return address if address is not None and is_key_of(reset_key, address) else None


def is_key_of(reset_key: str, address: EmailAddress) -> bool:
    """Whether the key is still good for the address's user as loaded."""
    _, _, token = reset_key.partition("-")
    return bool(_reset_keys(address).check_token(address.user, token))


def _reset_keys(address: EmailAddress) -> EmailAwarePasswordResetTokenGenerator:
    keys = EmailAwarePasswordResetTokenGenerator()
    # The key shows that the mail to this address was received, and no other address of the user.
    keys.key_salt = f"nexus.identity.reset.{address.pk}"
    return keys


def _may_be_key(key: str) -> bool:
    return len(key) <= _KEY_MAX and key.isascii()
