"""What the mails say. A key stands in the fragment of a link, which no browser sends and no server logs."""

from typing import Final

from django.conf import settings
from django.core.mail import send_mail

_CONFIRM: Final = """\
Hello,

an account at {site} says that {email} is its address. If that is you, confirm it within three days:

{choices}

If it is not you, there is nothing to do: without a confirmation the address stays free for you.
"""
_CONFIRM_CHOICE: Final = """\
For @{handle}:
  {site}/confirm-email#{key}
  or send the key to POST {site}/api/v1/identity/email/confirm: {key}
"""
_WARN: Final = """\
Hello,

somebody has just signed up at {site} with {email}, which is the address of your account @{handle}.

If that was you: you have an account already. Log in with it, or ask for a new password:
  {site}/request-password-reset

If it was not you, there is nothing to do. Your account is as it was, and nobody else can use your address.
"""
_RESET: Final = """\
Hello,

somebody has asked for a new password for an account at {site} with the address {email}. If that was you, set one
within an hour; it ends all logins of the account:

{choices}

If it was not you, there is nothing to do: the password stays as it is.
"""
_RESET_CHOICE: Final = """\
For @{handle}:
  {site}/reset-password#{key}
  or send the key to POST {site}/api/v1/identity/password/reset: {key}
"""


def send_confirmation(email: str, keys: dict[str, str]) -> None:
    """The mail with a key for each handle that claims the address."""
    _send(email, "Confirm your address", _CONFIRM, choices=_choices(_CONFIRM_CHOICE, keys))


def send_warning(email: str, handle: str) -> None:
    """The mail to the owner of an address that somebody else has signed up with."""
    _send(email, "Somebody signed up with your address", _WARN, handle=handle)


def send_password_reset(email: str, keys: dict[str, str]) -> None:
    """The mail with a key for each handle whose password can be set by it."""
    _send(email, "Set a new password", _RESET, choices=_choices(_RESET_CHOICE, keys))


def _choices(template: str, keys: dict[str, str]) -> str:
    site = settings.NEXUS.public_url.rstrip("/")
    return "\n".join(template.format(site=site, handle=handle, key=key) for handle, key in keys.items()).rstrip()


def _send(email: str, subject: str, template: str, **values: str) -> None:
    site = settings.NEXUS.public_url.rstrip("/")
    send_mail(f"Nexus: {subject}", template.format(site=site, email=email, **values), None, [email])
