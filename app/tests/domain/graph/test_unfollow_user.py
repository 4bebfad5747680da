"""unfollow_user."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.errors import OwnAccount
from nexus.domain.graph.models import Follow
from nexus.domain.graph.operations import unfollow_user
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_unfollowing_ends_one_direction_only() -> None:
    reader, author = make.user(), make.user()
    make.follow(reader, author)
    make.follow(author, reader)
    shown = unfollow_user(actor=make.viewer(reader), user_id=author.pk)
    assert shown.viewer == Relationship(is_following=False, is_followed_by=True)
    assert (shown.follower_count, shown.following_count) == (0, 1)
    reader.refresh_from_db()
    assert (reader.follower_count, reader.following_count, reader.feed_epoch) == (1, 0, 1)
    author.refresh_from_db()
    assert author.feed_epoch == 0
    assert list(OutboxEvent.objects.values_list("name", "payload")) == [
        ("UserUnfollowed", {"follower_id": reader.pk, "followee_id": author.pk})
    ]


def test_unfollowing_again_changes_nothing() -> None:
    reader, author = make.user(), make.user()
    shown = unfollow_user(actor=make.viewer(reader), user_id=author.pk)
    assert shown.viewer == Relationship()
    reader.refresh_from_db()
    author.refresh_from_db()
    assert (reader.following_count, author.follower_count, reader.feed_epoch) == (0, 0, 0)
    assert not OutboxEvent.objects.exists()


def test_hidden_people_are_not_found_and_their_edges_stay() -> None:
    reader, gone, blocker = make.user(), make.user(), make.user()
    make.follow(reader, gone)
    gone.is_active = False
    gone.save()
    make.block(blocker, reader)
    for user_id in (1, gone.pk, blocker.pk):
        with pytest.raises(NotFound):
            unfollow_user(actor=make.viewer(reader), user_id=user_id)
    assert Follow.objects.count() == 1


def test_it_needs_a_login_and_another_person() -> None:
    reader = make.user()
    with pytest.raises(NotAuthenticated):
        unfollow_user(actor=ANONYMOUS, user_id=reader.pk)
    with pytest.raises(OwnAccount):
        unfollow_user(actor=make.viewer(reader), user_id=reader.pk)


def test_it_takes_a_fixed_number_of_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader, author = make.user(), make.user()
    make.follow(reader, author)
    # lock, relationship, blocked?, edge, counters, event, profile
    with django_assert_num_queries(7):
        unfollow_user(actor=make.viewer(reader), user_id=author.pk)
