"""fan_out_post."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries
from redis.exceptions import RedisError

from nexus.domain.graph.models import Follow
from nexus.domain.timelines import operations
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.users.models import User
from nexus.kernel import clock, ids, redis
from nexus.kernel.outbox import OutboxEvent
from tests import factories as make
from tests.domain.timelines.reading import feed_of, home, indexed

pytestmark = pytest.mark.django_db


def follow_all(author: User, count: int) -> list[User]:
    """Followers of the author who have a feed."""
    readers = [make.user() for _ in range(count)]
    for reader in readers:
        make.follow(reader, author)
        home(reader)
    return readers


def is_merged(author: User) -> bool:
    author.refresh_from_db()
    return author.is_merged_at_read


def test_a_post_comes_to_those_who_have_a_feed_and_makes_no_feed_for_the_others() -> None:
    author, sleeper = make.user(), make.user()
    readers = follow_all(author, 2)
    make.follow(sleeper, author)
    stranger = make.user()
    home(stranger)
    post = make.post(author)
    fan_out_post(post_id=post.pk)
    assert [indexed(reader) for reader in readers] == [[post.pk], [post.pk]]
    assert indexed(stranger) == []
    assert not redis.client().exists(feed_of(sleeper).key)
    assert not OutboxEvent.objects.exists()
    assert home(sleeper) == home(readers[0]) == [post.pk]


def test_doing_it_twice_is_doing_it_once() -> None:
    author = make.user()
    (reader,) = follow_all(author, 1)
    post = make.post(author)
    fan_out_post(post_id=post.pk)
    fan_out_post(post_id=post.pk)
    assert indexed(reader) == [post.pk]


def test_followers_are_reached_in_chunks_each_a_delivery_of_its_own(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(operations, "CHUNK", 2)
    author = make.user()
    readers = follow_all(author, 5)
    post = make.post(author)
    with django_assert_num_queries(3):  # author, followers, event
        fan_out_post(post_id=post.pk)
    reached = []
    while (event := OutboxEvent.objects.first()) is not None:
        reached.append(sum(indexed(reader) == [post.pk] for reader in readers))
        assert event.name == "PostFanOutContinued"
        event.delete()
        fan_out_post(**event.payload)
    assert reached == [2, 4]
    assert [indexed(reader) for reader in readers] == [[post.pk]] * 5


def test_a_deleted_post_goes_nowhere() -> None:
    author = make.user()
    (reader,) = follow_all(author, 1)
    post = make.post(author, deleted_at=clock.now())
    fan_out_post(post_id=post.pk)
    fan_out_post(post_id=12345)
    assert indexed(reader) == []


def test_an_author_with_too_many_followers_is_merged_at_read_for_ever(fan_out_limit: Callable[[int], None]) -> None:
    author = make.user()
    readers = follow_all(author, 2)
    small = make.post(author)
    fan_out_limit(2)
    fan_out_post(post_id=small.pk)
    assert not is_merged(author)
    readers += follow_all(author, 1)
    author.refresh_from_db()
    large = make.post(author)
    fan_out_post(post_id=large.pk)
    assert is_merged(author)
    assert indexed(readers[0]) == [small.pk]
    Follow.objects.get(follower=readers[2]).delete()
    User.objects.filter(pk=author.pk).update(follower_count=2)
    last = make.post(author)
    fan_out_post(post_id=last.pk)
    assert indexed(readers[0]) == [small.pk]
    # What was fanned out before is not shown twice, and who does not follow does not get it.
    assert home(readers[0]) == [last.pk, large.pk, small.pk]
    assert home(readers[2]) == []


def test_a_small_authors_posts_and_a_large_ones_are_one_timeline(fan_out_limit: Callable[[int], None]) -> None:
    reader, small, large = make.user(), make.user(), make.user(is_merged_at_read=True)
    make.follow(reader, small)
    make.follow(reader, large)
    home(reader)
    posts = [make.post((small, large, reader)[n % 3]) for n in range(12)]
    for post in posts:
        fan_out_post(post_id=post.pk)
    assert len(indexed(reader)) == 4
    assert home(reader) == [post.pk for post in reversed(posts)]


def test_while_redis_is_gone_it_fails_so_that_it_is_sent_again(take_redis_away: Callable[[], None]) -> None:
    author = make.user()
    (reader,) = follow_all(author, 1)
    post = make.post(author)
    take_redis_away()
    with pytest.raises((RedisError, OSError)):
        fan_out_post(post_id=post.pk)
    reader.refresh_from_db()
    assert reader.feed_epoch == 0


def test_when_redis_is_gone_for_long_the_feeds_that_miss_the_post_are_given_up(
    take_redis_away: Callable[[], None],
) -> None:
    author = make.user()
    readers = follow_all(author, 2)
    other = make.user()
    long_ago = datetime.now(UTC) - operations.PATIENCE - timedelta(seconds=1)
    post = make.post(author, id=ids.first_id_at(long_ago))
    take_redis_away()
    fan_out_post(post_id=post.pk)
    assert [User.objects.get(pk=reader.pk).feed_epoch for reader in readers] == [1, 1]
    assert User.objects.get(pk=other.pk).feed_epoch == 0


@pytest.mark.usefixtures("redis_is_off")
def test_where_redis_is_switched_off_there_is_nothing_to_do(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    post = make.post()
    with django_assert_num_queries(0):
        fan_out_post(post_id=post.pk)
