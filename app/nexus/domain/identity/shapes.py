"""What a login gives."""

from dataclasses import dataclass, field

from nexus.domain.users.shapes import UserShape


@dataclass(frozen=True, slots=True)
class Tokens:
    """An access token for `expires_in` seconds, and the refresh token that gives the next pair, once."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account, logged in."""

    tokens: Tokens
    user: UserShape
