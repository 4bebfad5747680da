"""unblock_user."""

import pytest

from nexus.domain.graph.errors import OwnAccount
from nexus.domain.graph.models import Block, Follow
from nexus.domain.graph.operations import unblock_user
from nexus.domain.users.queries import profile
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_after_unblocking_both_see_each_other_and_the_old_follows_stay_ended() -> None:
    ada, ben = make.user(), make.user()
    make.follow(ben, ada)
    make.block(ada, ben)
    shown = unblock_user(actor=make.viewer(ada), user_id=ben.pk)
    assert shown.viewer == Relationship()
    assert profile(viewer=make.viewer(ben), user=ada.pk).viewer == Relationship()
    assert not Block.objects.exists()
    assert not Follow.objects.exists()
    for person in (ada, ben):
        person.refresh_from_db()
    assert (ada.feed_epoch, ben.feed_epoch) == (1, 1)
    assert list(OutboxEvent.objects.values_list("name", "payload")) == [
        ("UserUnblocked", {"blocker_id": ada.pk, "blocked_id": ben.pk})
    ]


def test_unblocking_again_changes_nothing() -> None:
    ada, ben = make.user(), make.user()
    assert unblock_user(actor=make.viewer(ada), user_id=ben.pk).viewer == Relationship()
    ada.refresh_from_db()
    assert ada.feed_epoch == 0
    assert not OutboxEvent.objects.exists()


def test_the_blocked_one_cannot_take_the_block_back() -> None:
    ada, ben = make.user(), make.user()
    make.block(ada, ben)
    with pytest.raises(NotFound):
        unblock_user(actor=make.viewer(ben), user_id=ada.pk)
    assert Block.objects.count() == 1


def test_it_needs_a_login_and_another_person_who_is_there() -> None:
    ada, gone = make.user(), make.user(is_active=False)
    with pytest.raises(NotAuthenticated):
        unblock_user(actor=ANONYMOUS, user_id=ada.pk)
    with pytest.raises(OwnAccount):
        unblock_user(actor=make.viewer(ada), user_id=ada.pk)
    for user_id in (1, gone.pk):
        with pytest.raises(NotFound):
            unblock_user(actor=make.viewer(ada), user_id=user_id)
