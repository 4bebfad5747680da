"""block_user."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.errors import OwnAccount, UserIsBlocked
from nexus.domain.graph.models import Block, Follow
from nexus.domain.graph.operations import block_user, follow_user
from nexus.domain.graph.queries import followers, following
from nexus.domain.users.models import User
from nexus.domain.users.queries import profile
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def counters(person: User) -> tuple[int, int, int]:
    """Followers, following, epoch of the feed."""
    row = User.objects.get(pk=person.pk)
    return row.follower_count, row.following_count, row.feed_epoch


def test_blocking_ends_the_follows_both_ways_and_abandons_both_feeds() -> None:
    ada, ben, other = make.user(), make.user(), make.user()
    make.follow(ada, ben)
    make.follow(ben, ada)
    make.follow(other, ben)
    shown = block_user(actor=make.viewer(ada), user_id=ben.pk)
    assert shown.viewer == Relationship(is_following=False, is_followed_by=False, is_blocking=True)
    assert counters(ada) == (0, 0, 1)
    assert counters(ben) == (1, 0, 1)
    assert Follow.objects.get().follower_id == other.pk
    assert list(OutboxEvent.objects.values_list("name", "payload")) == [
        ("UserBlocked", {"blocker_id": ada.pk, "blocked_id": ben.pk})
    ]


def test_blocking_again_changes_nothing() -> None:
    ada, ben = make.user(), make.user()
    first = block_user(actor=make.viewer(ada), user_id=ben.pk)
    assert block_user(actor=make.viewer(ada), user_id=ben.pk) == first
    assert Block.objects.count() == 1
    assert counters(ada) == (0, 0, 1)
    assert OutboxEvent.objects.count() == 1


def test_the_blocker_finds_the_profile_to_unblock_and_the_blocked_one_finds_nobody() -> None:
    ada, ben = make.user(), make.user()
    block_user(actor=make.viewer(ada), user_id=ben.pk)
    assert profile(viewer=make.viewer(ada), user=ben.pk).viewer == Relationship(is_blocking=True)
    with pytest.raises(NotFound):
        profile(viewer=make.viewer(ben), user=ada.pk)
    with pytest.raises(NotFound):
        block_user(actor=make.viewer(ben), user_id=ada.pk)
    assert Block.objects.count() == 1


def test_a_block_hides_both_from_each_others_lists() -> None:
    ada, ben, author = make.user(), make.user(), make.user()
    make.follow(ada, author)
    make.follow(ben, author)
    block_user(actor=make.viewer(ada), user_id=ben.pk)
    for viewer, shown in ((ada, ada), (ben, ben)):
        page = followers(viewer=make.viewer(viewer), user_id=author.pk, page=PageRequest())
        assert [person.id for person in page.items] == [shown.pk]
    for viewer, hidden in ((ada, ben), (ben, ada)):
        for query in (followers, following):
            with pytest.raises(NotFound):
                query(viewer=make.viewer(viewer), user_id=hidden.pk, page=PageRequest())


def test_unknown_and_deactivated_people_cannot_be_blocked() -> None:
    ada, gone = make.user(), make.user(is_active=False)
    for user_id in (1, gone.pk):
        with pytest.raises(NotFound):
            block_user(actor=make.viewer(ada), user_id=user_id)
    with pytest.raises(OwnAccount):
        block_user(actor=make.viewer(ada), user_id=ada.pk)
    with pytest.raises(NotAuthenticated):
        block_user(actor=ANONYMOUS, user_id=ada.pk)
    assert not Block.objects.exists()


def test_it_takes_a_fixed_number_of_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben = make.user(), make.user()
    make.follow(ada, ben)
    # lock, relationship, blocked?, block, follows, counters, event, profile
    with django_assert_num_queries(8):
        block_user(actor=make.viewer(ada), user_id=ben.pk)


@pytest.mark.django_db(transaction=True)
def test_no_follow_survives_a_block_at_the_same_moment() -> None:
    ada, people = make.user(), [make.user() for _ in range(20)]

    def follow(person: User) -> None:
        try:
            follow_user(actor=make.viewer(person), user_id=ada.pk)
        except NotFound:
            pass
        finally:
            connection.close()

    def follow_and_block(person: User) -> None:
        try:
            follow_user(actor=make.viewer(ada), user_id=person.pk)
            block_user(actor=make.viewer(ada), user_id=person.pk)
        except UserIsBlocked:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        started = [threads.submit(run, person) for person in people for run in (follow, follow_and_block, follow)]
        for each in started:
            each.result()
    assert Block.objects.count() == 20
    assert not Follow.objects.exists()
    assert {counters(person)[:2] for person in (ada, *people)} == {(0, 0)}
