"""Accounts, logins and addresses, by GraphQL."""

import strawberry

from nexus.api.graphql.context import Info
from nexus.api.graphql.fields import mutation
from nexus.api.graphql.nodes import User, user_node
from nexus.domain.identity import operations, shapes
from nexus.kernel.viewer import Viewer


@strawberry.type(description="Send the access token as `Authorization: Bearer ..`; when it ends, refresh.")
class Tokens:
    """What a login gives."""

    access_token: str
    token_type: str
    expires_in: int = strawberry.field(description="Seconds until the access token ends.")
    refresh_token: str = strawberry.field(description="Works once: its answer brings the next one.")


@strawberry.type(description="A new account, logged in.")
class SignedUp(Tokens):
    """Tokens and the user."""

    user: User


@strawberry.input(description="A new account. The handle is stored in lower case.")
class SignUpInput:
    """As the body of POST /identity/sign-up."""

    handle: str
    email: str
    password: str
    display_name: str = ""


@strawberry.type
class IdentityMutations:
    """Nothing here tells whether an address is known."""

    @mutation("Makes an account and logs it in.", limit="credentials", is_secret=True)
    def sign_up(self, info: Info, input: SignUpInput) -> SignedUp | None:
        made = operations.sign_up(actor=info.context.viewer, **vars(input))
        user = user_node(Viewer(user_id=made.user.id), made.user)
        return SignedUp(user=user, **vars(_shown(made.tokens)))

    @mutation("Confirms an address by the key from a mail. True when done.", limit="credentials")
    def confirm_email(self, info: Info, key: str) -> bool | None:
        operations.confirm_email(actor=info.context.viewer, key=key)
        return True

    @mutation("Asks for another mail with a key. True whatever is known.", limit="credentials")
    def resend_confirmation(self, info: Info, email: str) -> bool | None:
        operations.resend_confirmation(actor=info.context.viewer, email=email)
        return True

    @mutation("Tokens for a handle or a confirmed address, and the password.", limit="credentials", is_secret=True)
    def log_in(self, info: Info, login: str, password: str) -> Tokens | None:
        return _shown(operations.log_in(actor=info.context.viewer, login=login, password=password))

    @mutation("The next tokens, for the last refresh token.", is_secret=True)
    def refresh_tokens(self, info: Info, refresh_token: str) -> Tokens | None:
        return _shown(operations.refresh_tokens(actor=info.context.viewer, refresh_token=refresh_token))

    @mutation("Ends the login of the access token. True when done.")
    def log_out(self, info: Info) -> bool | None:
        operations.log_out(actor=info.context.viewer)
        return True

    @mutation("Asks for a mail to reset a password. True whatever is known.", limit="credentials")
    def request_password_reset(self, info: Info, email: str) -> bool | None:
        operations.request_password_reset(actor=info.context.viewer, email=email)
        return True

    @mutation("Sets a new password by the key from a mail. True when done.", limit="credentials")
    def reset_password(self, info: Info, key: str, password: str) -> bool | None:
        operations.reset_password(actor=info.context.viewer, key=key, password=password)
        return True


def _shown(tokens: shapes.Tokens) -> Tokens:
    return Tokens(
        access_token=tokens.access_token,
        token_type="Bearer",  # noqa: S106  (a word of the protocol)
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
    )
