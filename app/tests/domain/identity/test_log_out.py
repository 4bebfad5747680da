"""log_out."""

import pytest

from nexus.domain.identity import logins
from nexus.domain.identity.models import Login
from nexus.domain.identity.operations import log_out
from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.shapes import Tokens
from nexus.domain.users.models import User
from nexus.kernel import database
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


def begin(person: User) -> Tokens:
    with database.atomic():
        return logins.begin(person)


def test_logging_out_ends_this_login_at_once_and_no_other() -> None:
    ada = make.user()
    here, there = begin(ada), begin(ada)
    gone, kept = viewer_of(here.access_token), viewer_of(there.access_token)
    log_out(actor=gone)
    with pytest.raises(NotAuthenticated):
        viewer_of(here.access_token)
    assert viewer_of(there.access_token) == kept
    assert list(Login.objects.filter(ended_at=None).values_list("pk", flat=True)) == [kept.login_id]


def test_logging_out_again_changes_nothing() -> None:
    actor = viewer_of(begin(make.user()).access_token)
    log_out(actor=actor)
    ended_at = Login.objects.get().ended_at
    log_out(actor=actor)
    assert Login.objects.get().ended_at == ended_at


def test_nobody_cannot_log_out() -> None:
    begin(make.user())
    with pytest.raises(NotAuthenticated):
        log_out(actor=ANONYMOUS)
    assert Login.objects.filter(ended_at=None).count() == 1
