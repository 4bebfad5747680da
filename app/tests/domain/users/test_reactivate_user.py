"""reactivate_user."""

import pytest

from nexus.domain.users.operations import reactivate_user
from nexus.domain.users.queries import profile
from nexus.kernel.errors import Forbidden, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_reactivated_person_has_everything_as_before() -> None:
    operator, gone, reader = make.user(role="moderator"), make.user(is_active=False, bio="I was here"), make.user()
    make.follow(reader, gone)
    reactivate_user(actor=make.viewer(operator), user_id=gone.pk)
    shown = profile(viewer=ANONYMOUS, user=gone.pk)
    assert (shown.bio, shown.follower_count) == ("I was here", 1)
    assert list(OutboxEvent.objects.values_list("name", "payload")) == [("UserReactivated", {"user_id": gone.pk})]


def test_repeating_it_changes_nothing() -> None:
    reactivate_user(actor=make.viewer(make.user(role="admin")), user_id=make.user().pk)
    assert not OutboxEvent.objects.exists()


def test_only_operators_may_and_the_person_must_exist() -> None:
    gone = make.user(is_active=False)
    with pytest.raises(Forbidden):
        reactivate_user(actor=make.viewer(make.user()), user_id=gone.pk)
    with pytest.raises(NotFound):
        reactivate_user(actor=make.viewer(make.user(role="admin")), user_id=1)
    gone.refresh_from_db()
    assert not gone.is_active
