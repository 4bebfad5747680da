"""purge_spent_tokens."""

from datetime import timedelta

import pytest

from nexus.domain.identity import logins
from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.identity.operations import refresh_tokens
from nexus.domain.identity.reactions import purge_spent_tokens
from nexus.kernel import clock, database
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def login_of(*, created: timedelta = timedelta(0), ended: timedelta | None = None, refreshed: int = 0) -> Login:
    """A login that began, and perhaps ended, so long ago."""
    with database.atomic():
        token = logins.begin(make.user()).refresh_token
    for _ in range(refreshed):
        token = refresh_tokens(actor=ANONYMOUS, refresh_token=token).refresh_token
    login = Login.objects.latest("id")
    now = clock.now()
    Login.objects.filter(pk=login.pk).update(created_at=now - created, ended_at=None if ended is None else now - ended)
    return login


def left() -> set[int]:
    return set(Login.objects.values_list("pk", flat=True))


def test_expired_tokens_go_and_spent_ones_stay_until_then() -> None:
    login = login_of(refreshed=2)
    spent = RefreshToken.objects.filter(spent_at__isnull=False).order_by("issued_at").first()
    assert spent is not None
    RefreshToken.objects.filter(pk=spent.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    purge_spent_tokens()
    assert RefreshToken.objects.count() == 2
    assert left() == {login.pk}


def test_a_login_that_ended_a_day_ago_goes_with_its_tokens() -> None:
    alive, just_ended = login_of(), login_of(ended=timedelta(hours=23))
    login_of(ended=timedelta(hours=25), refreshed=1)
    purge_spent_tokens()
    assert left() == {alive.pk, just_ended.pk}
    assert set(RefreshToken.objects.values_list("login_id", flat=True)) == {alive.pk, just_ended.pk}


def test_a_login_whose_last_token_has_expired_goes() -> None:
    used, abandoned = login_of(created=timedelta(days=40)), login_of(created=timedelta(days=40))
    RefreshToken.objects.filter(login=abandoned).update(expires_at=clock.now() - timedelta(days=1))
    purge_spent_tokens()
    assert left() == {used.pk}


def test_doing_it_again_changes_nothing() -> None:
    login = login_of(refreshed=1)
    purge_spent_tokens()
    purge_spent_tokens()
    assert left() == {login.pk}
    assert RefreshToken.objects.count() == 2
