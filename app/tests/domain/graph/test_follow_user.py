"""follow_user."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.errors import OwnAccount, UserIsBlocked
from nexus.domain.graph.models import Follow
from nexus.domain.graph.operations import follow_user, unfollow_user
from nexus.domain.users.models import User
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def counters(person: User) -> tuple[int, int, int]:
    """Followers, following, epoch of the feed."""
    row = User.objects.get(pk=person.pk)
    return row.follower_count, row.following_count, row.feed_epoch


def test_following_shows_the_new_relationship_counts_on_both_sides_and_tells_it_once() -> None:
    reader, author = make.user(), make.user()
    shown = follow_user(actor=make.viewer(reader), user_id=author.pk)
    assert (shown.id, shown.follower_count, shown.following_count) == (author.pk, 1, 0)
    assert shown.viewer == Relationship(is_following=True, is_followed_by=False, is_blocking=False)
    assert counters(reader) == (0, 1, 1)
    assert counters(author) == (1, 0, 0)
    assert events() == [("UserFollowed", {"follower_id": reader.pk, "followee_id": author.pk})]


def test_following_again_changes_nothing() -> None:
    reader, author = make.user(), make.user()
    first = follow_user(actor=make.viewer(reader), user_id=author.pk)
    edge = Follow.objects.get()
    assert follow_user(actor=make.viewer(reader), user_id=author.pk) == first
    assert Follow.objects.get() == edge
    assert counters(reader) == (0, 1, 1)
    assert counters(author) == (1, 0, 0)
    assert len(events()) == 1


def test_following_back_is_seen_from_both_sides() -> None:
    ada, ben = make.user(), make.user()
    make.follow(ada, ben)
    shown = follow_user(actor=make.viewer(ben), user_id=ada.pk)
    assert shown.viewer == Relationship(is_following=True, is_followed_by=True)


def test_nobody_follows_themselves() -> None:
    reader = make.user()
    with pytest.raises(OwnAccount):
        follow_user(actor=make.viewer(reader), user_id=reader.pk)
    assert counters(reader) == (0, 0, 0)


def test_unknown_deactivated_and_blocking_people_are_indistinguishable() -> None:
    reader, gone, blocker = make.user(), make.user(is_active=False), make.user()
    make.block(blocker, reader)
    answers = []
    for user_id in (1, gone.pk, blocker.pk, (1 << 63) - 1):
        with pytest.raises(NotFound) as refusal:
            follow_user(actor=make.viewer(reader), user_id=user_id)
        answers.append((refusal.value.code, refusal.value.detail, refusal.value.errors))
    assert len(set(answers)) == 1
    assert not Follow.objects.exists()
    assert events() == []


def test_somebody_whom_the_actor_blocks_must_be_unblocked_first() -> None:
    reader, blocked = make.user(), make.user()
    make.block(reader, blocked)
    with pytest.raises(UserIsBlocked):
        follow_user(actor=make.viewer(reader), user_id=blocked.pk)
    assert not Follow.objects.exists()


def test_nobody_and_the_deactivated_must_log_in() -> None:
    author, gone = make.user(), make.user(is_active=False)
    for actor in (ANONYMOUS, make.viewer(gone), Viewer(user_id=1)):
        with pytest.raises(NotAuthenticated):
            follow_user(actor=actor, user_id=author.pk)
    assert counters(author) == (0, 0, 0)


def test_it_takes_a_fixed_number_of_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader, author = make.user(), make.user()
    # lock, relationship, blocked?, edge, counters, event, profile
    with django_assert_num_queries(7):
        follow_user(actor=make.viewer(reader), user_id=author.pk)


@pytest.mark.django_db(transaction=True)
def test_counters_are_right_after_many_follow_each_other_at_once() -> None:
    people = [make.user() for _ in range(6)]
    pairs = [(one, other) for one in people for other in people if one != other]

    def run(pair: tuple[User, User]) -> None:
        try:
            for change in (follow_user, unfollow_user, follow_user):
                change(actor=make.viewer(pair[0]), user_id=pair[1].pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(run, [*pairs, *pairs[::-1]]))
    for person in people:
        row = User.objects.get(pk=person.pk)
        assert row.follower_count == Follow.objects.filter(followee=person).count() == 5
        assert row.following_count == Follow.objects.filter(follower=person).count() == 5
