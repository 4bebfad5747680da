"""Accounts, logins and addresses."""

from typing import Any

from rest_framework import serializers

from nexus.api.rendering import render_user
from nexus.api.rest.endpoints import Call, Shape, writes
from nexus.api.rest.fields import Body, Text
from nexus.api.rest.shapes import User
from nexus.domain.identity import operations
from nexus.domain.identity.addresses import EMAIL_MAX
from nexus.domain.identity.credentials import PASSWORD_MAX, PASSWORD_MIN
from nexus.domain.identity.shapes import SignedUp, Tokens
from nexus.domain.users.models import DISPLAY_NAME_MAX, HANDLE_MAX
from nexus.kernel.text import LINE_PATTERN


class TokensAnswer(serializers.Serializer[Any]):
    """Send the access token as `Authorization: Bearer ..`; when it ends, refresh. A refresh token works once."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")
    refresh_token = serializers.CharField()


class SignedUpAnswer(TokensAnswer):
    """A new account, logged in."""

    user = User()


def _render_tokens(tokens: Tokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
    }


TOKENS: Shape[Tokens] = Shape(_render_tokens, TokensAnswer, is_secret=True)
SIGNED_UP: Shape[SignedUp] = Shape(
    lambda made: {**_render_tokens(made.tokens), "user": render_user(made.user)}, SignedUpAnswer, is_secret=True
)


class SignUp(Body):
    """A new account. The handle is stored in lower case."""

    handle = Text(pattern=f"^[A-Za-z0-9_]{{1,{HANDLE_MAX}}}$")
    email = Text(max_length=EMAIL_MAX, format="email")
    password = Text(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)
    display_name = Text(max_length=DISPLAY_NAME_MAX, pattern=LINE_PATTERN, required=False)


class Key(Body):
    """The key from a mail."""

    key = Text()


class Email(Body):
    """An e-mail address."""

    email = Text(max_length=EMAIL_MAX, format="email")


class LogIn(Body):
    """`login` is a handle, or an e-mail address that has been confirmed."""

    login = Text(max_length=EMAIL_MAX)
    password = Text(max_length=PASSWORD_MAX)


class Refresh(Body):
    """The refresh token that the last answer gave."""

    refresh_token = Text()


class NewPassword(Body):
    """The key from the mail, and the password that is to be."""

    key = Text()
    password = Text(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)


@writes(operations.sign_up, body=SignUp, shows=SIGNED_UP, status=201, limit="credentials")
def sign_up(call: Call) -> SignedUp:
    """POST /identity/sign-up."""
    return operations.sign_up(actor=call.viewer, **call.body)


@writes(operations.confirm_email, body=Key, limit="credentials")
def confirm_email(call: Call) -> None:
    """POST /identity/email/confirm."""
    operations.confirm_email(actor=call.viewer, **call.body)


@writes(operations.resend_confirmation, body=Email, limit="credentials")
def resend_confirmation(call: Call) -> None:
    """POST /identity/email/resend."""
    operations.resend_confirmation(actor=call.viewer, **call.body)


@writes(operations.log_in, body=LogIn, shows=TOKENS, limit="credentials")
def log_in(call: Call) -> Tokens:
    """POST /identity/log-in."""
    return operations.log_in(actor=call.viewer, **call.body)


@writes(operations.refresh_tokens, body=Refresh, shows=TOKENS)
def refresh_tokens(call: Call) -> Tokens:
    """POST /identity/refresh."""
    return operations.refresh_tokens(actor=call.viewer, **call.body)


@writes(operations.log_out)
def log_out(call: Call) -> None:
    """POST /identity/log-out."""
    operations.log_out(actor=call.viewer)


@writes(operations.request_password_reset, body=Email, limit="credentials")
def request_password_reset(call: Call) -> None:
    """POST /identity/password/request-reset."""
    operations.request_password_reset(actor=call.viewer, **call.body)


@writes(operations.reset_password, body=NewPassword, limit="credentials")
def reset_password(call: Call) -> None:
    """POST /identity/password/reset."""
    operations.reset_password(actor=call.viewer, **call.body)
