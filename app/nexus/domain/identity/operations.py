"""Signing up, in and out, and showing that an address is one's own.

Nothing here tells whether an address is known: the answer and the work are the same, and what differs goes by mail.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password, make_password
from django.db import IntegrityError

from nexus.domain.identity import addresses, credentials, logins
from nexus.domain.identity.errors import HandleTaken, InvalidCredentials, InvalidKey, InvalidRefreshToken
from nexus.domain.identity.events import AddressOwnerWarned, EmailConfirmationRequested, PasswordResetRequested
from nexus.domain.identity.shapes import SignedUp, Tokens
from nexus.domain.users.models import User
from nexus.domain.users.queries import shape_of
from nexus.kernel import caches, database, outbox
from nexus.kernel.errors import FieldError, InvalidInput, NotAuthenticated, Unavailable
from nexus.kernel.use_cases import operation
from nexus.kernel.viewer import Viewer

# Django hashes something for an account without a password, so that it costs the time of one with a password.
_NO_ACCOUNT: Final = UNUSABLE_PASSWORD_PREFIX


@operation(InvalidInput, HandleTaken, Unavailable, for_unconfirmed=True)
def sign_up(*, actor: Viewer, handle: str, email: str, password: str, display_name: str = "") -> SignedUp:
    """Makes an account and logs it in. Its address gets a mail: a key, or a warning when it is somebody else's."""
    user, address = credentials.account(handle=handle, email=email, password=password, display_name=display_name)
    if User.objects.filter(handle=user.handle).exists():
        raise _handle_taken()
    user.password = make_password(password)
    with _handle_is_free(), database.atomic():
        user.save(force_insert=True)
        caches.abandon("statistics")
        addresses.claim(user, address)
        if addresses.is_owned(address):
            outbox.publish(AddressOwnerWarned(email=address))
        else:
            outbox.publish(EmailConfirmationRequested(user_id=user.pk, email=address))
        return SignedUp(tokens=logins.begin(user), user=shape_of(user, Viewer(user_id=user.pk)))


@operation(InvalidKey, for_unconfirmed=True)
def confirm_email(*, actor: Viewer, key: str) -> None:
    """Makes the address that the key was sent to the account's own. A key works once, for three days."""
    with database.atomic():
        addresses.confirm(key)


@operation(InvalidInput, for_unconfirmed=True)
def resend_confirmation(*, actor: Viewer, email: str) -> None:
    """Asks for another mail with a key; about the actor's account only, when there is an actor."""
    address = _address(email)
    with database.atomic():
        outbox.publish(EmailConfirmationRequested(user_id=actor.user_id, email=address))


@operation(InvalidCredentials, Unavailable, for_unconfirmed=True)
def log_in(*, actor: Viewer, login: str, password: str) -> Tokens:
    """Tokens for the account with this handle, or with this confirmed address, and this password."""
    user = _user_of(login)
    stored = user.password if user else _NO_ACCOUNT
    is_right = check_password(password, stored)
    if user is None or not is_right or not user.is_active:
        raise InvalidCredentials
    with database.atomic():
        # A reset that was done during the hashing has ended all logins, and must not be followed by one more.
        unchanged = User.objects.active().filter(pk=user.pk, password=stored).select_for_update(no_key=True)
        if unchanged.first() is None:
            raise InvalidCredentials
        return logins.begin(user)


@operation(InvalidRefreshToken, for_unconfirmed=True)
def refresh_tokens(*, actor: Viewer, refresh_token: str) -> Tokens:
    """The next tokens. A token sent again within ten seconds gets the same successor; later it ends the login."""
    return logins.rotate(refresh_token)


@operation(NotAuthenticated, for_unconfirmed=True)
def log_out(*, actor: Viewer) -> None:
    """Ends the login of the actor's access token."""
    user_id = actor.must_be_known()
    if actor.login_id is not None:
        with database.atomic():
            logins.end_login(user_id, actor.login_id)


@operation(InvalidInput, for_unconfirmed=True)
def request_password_reset(*, actor: Viewer, email: str) -> None:
    """Asks for a mail with a key to set a new password."""
    address = _address(email)
    with database.atomic():
        outbox.publish(PasswordResetRequested(email=address))


@operation(InvalidInput, InvalidKey, Unavailable, for_unconfirmed=True)
def reset_password(*, actor: Viewer, key: str, password: str) -> None:
    """Sets a new password, ends every login and confirms the address, at which the key was received."""
    address = addresses.address_of(key)
    if address is None:
        raise InvalidKey
    if errors := credentials.password_errors(password, address.user):
        raise InvalidInput(errors=errors)
    encoded = make_password(password)
    with database.atomic():
        address.user = User.objects.select_for_update(no_key=True).get(pk=address.user_id)
        if not (address.user.is_active and addresses.is_key_of(key, address)):
            raise InvalidKey  # it was used by another call a moment ago
        addresses.confirm_address(address)
        address.user.password = encoded
        address.user.save(update_fields=["password"])
        logins.end_logins_of(address.user_id)


def _user_of(login: str) -> User | None:
    if handle := credentials.handle_of(login):
        named: User | None = User.objects.filter(handle=handle).first()
        return named
    address = addresses.normalised(login)
    return addresses.owner_of(address) if address else None


def _address(email: str) -> str:
    address = addresses.normalised(email)
    if address is None:
        raise InvalidInput.at("/email", "invalid_email", "That is no e-mail address.")
    return address


@contextmanager
def _handle_is_free() -> Iterator[None]:
    """Two may ask for the same handle at once: the constraint decides."""
    try:
        yield
    except IntegrityError as error:
        if "handle" in (database.constraint(error) or ""):
            raise _handle_taken() from None
        raise


def _handle_taken() -> HandleTaken:
    return HandleTaken(errors=[FieldError("/handle", "handle_taken", "Somebody has this handle already.")])
