"""Logins: one row for each device, a chain of refresh tokens below it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import transaction

from nexus.domain.identity import tokens
from nexus.domain.identity.errors import InvalidRefreshToken
from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.identity.shapes import Tokens
from nexus.domain.identity.viewers import verified
from nexus.domain.users.models import User
from nexus.kernel import clock, database, stale
from nexus.kernel.logging import log

REFRESH_LIFETIME: Final = timedelta(days=30)
# A client that got no answer sends its token again; who sends it later has it from somewhere else.
GRACE: Final = timedelta(seconds=10)


def begin(user: User) -> Tokens:
    """A new login of the user. Called in the transaction that has made sure of the user."""
    login = Login.objects.create(user=user)
    first = tokens.new_refresh_token()
    _store(login, first)
    return _pair(login, user, first)


def rotate(refresh_token: str) -> Tokens:
    """The next tokens; the same ones for the same token within GRACE. A later reuse ends the login."""
    token_hash = tokens.hash_of(refresh_token)
    if token_hash is None:
        raise InvalidRefreshToken
    with database.atomic():
        row = (
            RefreshToken.objects.select_related("login__user")
            .select_for_update(of=("self", "login"))
            .filter(token_hash=token_hash, expires_at__gt=clock.now())
            .filter(login__ended_at=None, login__user__is_active=True)
            .first()
        )
        if row is None:
            raise InvalidRefreshToken
        login, now = row.login, clock.now()
        if row.spent_at is not None and now - row.spent_at > GRACE:
            log.warning("refresh_token_reused", login_id=login.pk, user_id=login.user_id)
            database.in_any_case(partial(end_login, login.user_id, login.pk))
            raise InvalidRefreshToken("This refresh token was used before. Its login has been ended: log in again.")
        successor = tokens.successor_of(refresh_token)
        if row.spent_at is None:
            row.spent_at = login.last_used_at = now
            row.save(update_fields=["spent_at"])
            login.save(update_fields=["last_used_at"])
            _store(login, successor)
        return _pair(login, login.user, successor)


def end_login(user_id: int, login_id: int) -> None:
    """Ends one login of a user: its tokens are worth nothing from now on."""
    Login.objects.filter(pk=login_id, ended_at=None).update(ended_at=clock.now())
    _after_commit(partial(verified.forget, login_id=login_id))
    stale.end(user_id)


def end_logins_of(user_id: int) -> None:
    """Ends every login of a user."""
    Login.objects.filter(user_id=user_id, ended_at=None).update(ended_at=clock.now())
    _after_commit(partial(verified.forget, user_id=user_id))
    stale.end(user_id)


def _store(login: Login, refresh_token: str) -> None:
    RefreshToken.objects.create(
        token_hash=tokens.hash_of(refresh_token), login=login, expires_at=clock.now() + REFRESH_LIFETIME
    )


def _pair(login: Login, user: User, refresh_token: str) -> Tokens:
    access = tokens.access_token(user_id=user.pk, login_id=login.pk, role=user.role)
    return Tokens(access_token=access, refresh_token=refresh_token, expires_in=tokens.ACCESS_SECONDS)


def _after_commit(run: Callable[[], None]) -> None:
    transaction.on_commit(run, robust=True)
