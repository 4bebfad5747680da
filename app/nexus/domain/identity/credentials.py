"""What handles, addresses and passwords may be."""

import re
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from nexus.domain.identity import addresses
from nexus.domain.users.models import DISPLAY_NAME_MAX, HANDLE_MAX, HANDLE_PATTERN, User
from nexus.kernel.errors import FieldError, InvalidInput
from nexus.kernel.text import clean_text

PASSWORD_MIN: Final = 10  # as in AUTH_PASSWORD_VALIDATORS
PASSWORD_MAX: Final = 256
# Names that speak for the installation, or that a path or a mailbox of it may have.
_RESERVED: Final = """
    about abuse account accounts admin administrator all anonymous api auth billing blog bot contact deleted
    everyone graphql help here home hostmaster info instance legal live localhost login logout mail me mod
    moderation moderator moderators news nexus nobody noreply no_reply notifications null official operator
    owner postmaster privacy register root search security settings signup staff static status support
    sysadmin system team terms timeline undefined user users webmaster www
"""
RESERVED_HANDLES: Final = frozenset(_RESERVED.split())


def account(*, handle: str, email: str, password: str, display_name: str) -> tuple[User, str]:
    """A user, not stored and without a password, and the normalised address; raises InvalidInput for what is wrong."""
    errors: list[FieldError] = []
    user = User(
        handle=_handle(handle, errors),
        display_name=clean_text(display_name, pointer="/display_name", max_length=DISPLAY_NAME_MAX, errors=errors),
    )
    address = addresses.normalised(email)
    if address is None:
        errors.append(FieldError("/email", "invalid_email", "That is no e-mail address."))
    errors += password_errors(password, user)
    if errors or address is None:
        raise InvalidInput(errors=errors)
    return user, address


def password_errors(password: str, user: User) -> list[FieldError]:
    """Why the user may not have this password."""
    if len(password) > PASSWORD_MAX:
        return [FieldError("/password", "too_long", f"It can have at most {PASSWORD_MAX} characters.")]
    try:
        validate_password(password, user)
    except ValidationError as problem:
        return [FieldError("/password", str(each.code), each.messages[0]) for each in problem.error_list]
    return []


def handle_of(text: str) -> str | None:
    """The handle that somebody typed, in lower case and without its @; None for what cannot be one."""
    handle = text.strip().removeprefix("@").lower()
    return handle if re.fullmatch(HANDLE_PATTERN, handle) else None


def _handle(text: str, errors: list[FieldError]) -> str:
    handle = text.lower()
    if not re.fullmatch(HANDLE_PATTERN, handle):
        detail = f"A handle has 1 to {HANDLE_MAX} of the characters a-z, 0-9 and _."
        errors.append(FieldError("/handle", "invalid_handle", detail))
    elif handle in RESERVED_HANDLES:
        errors.append(FieldError("/handle", "reserved_handle", "This handle is kept for the installation itself."))
    return handle
