"""Access tokens, which are signed, and refresh tokens, which are random and known to us by their hashes only."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

import jwt
from django.conf import settings

from nexus.kernel.crypto import derived_key
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.ids import parse_id

ACCESS_SECONDS: Final = 300
_ALGORITHM: Final = "HS256"
_ACCESS_TOKEN_MAX: Final = 1024
_REFRESH_TOKEN_LENGTH: Final = 43  # 256 bits in base64


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine access token says; `ends_at` in seconds since 1970."""

    user_id: int
    login_id: int
    ends_at: float


def access_token(*, user_id: int, login_id: int, role: str) -> str:
    """A token for ACCESS_SECONDS, signed by the first of the keys."""
    kid, secret = settings.NEXUS.jwt_keys[0]
    now = int(time.time())
    claims = {
        "iss": settings.NEXUS.public_url,
        "sub": str(user_id),
        "sid": str(login_id),
        "role": role,
        "iat": now,
        "exp": now + ACCESS_SECONDS,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM, headers={"kid": kid})


def claims_of(token: str) -> Claims:
    """The claims of a token that one of the keys has signed and that has not ended; else NotAuthenticated."""
    if len(token) > _ACCESS_TOKEN_MAX or not token.isascii():
        raise NotAuthenticated
    try:
        return _claims(_verified(token))
    except jwt.ExpiredSignatureError:
        raise NotAuthenticated("The access token has expired.") from None
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
        raise NotAuthenticated from None


def ends_at(token: str) -> float:
    """When a genuine access token ends, in seconds since 1970."""
    return claims_of(token).ends_at


def new_refresh_token() -> str:
    """256 random bits: the first refresh token of a login."""
    return secrets.token_urlsafe(32)


def successor_of(refresh_token: str) -> str:
    """The token that follows. Made from the one before, so that a call whose answer was lost gets the same answer again
    although only hashes are stored."""
    digest = hmac.digest(derived_key("refresh-token-successor"), refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_of(refresh_token: str) -> bytes | None:
    """What is stored of a refresh token; None for a text that cannot be one. Random bits need no slow hash."""
    if len(refresh_token) != _REFRESH_TOKEN_LENGTH or not refresh_token.isascii():
        return None
    return hashlib.sha256(refresh_token.encode()).digest()


def _verified(token: str) -> dict[str, Any]:
    keys = dict(settings.NEXUS.jwt_keys)
    return jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=[_ALGORITHM],
        issuer=settings.NEXUS.public_url,
        # A replica whose clock is a little behind takes the token too: nothing depends on when it was made.
        options={"require": ["iss", "sub", "sid", "exp"], "verify_iat": False},
    )


def _claims(verified: dict[str, Any]) -> Claims:
    user_id, login_id = parse_id(verified["sub"]), parse_id(verified["sid"])
    if user_id is None or login_id is None:
        raise ValueError("ids expected")
    return Claims(user_id, login_id, float(verified["exp"]))
