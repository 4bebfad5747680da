"""The index of home timelines: whatever happens to Redis, a reader sees what Postgres has."""

import pytest

from nexus.domain.posts.models import Post
from nexus.domain.timelines import feeds, skeletons
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.timelines.spans import Span
from nexus.domain.users.models import User
from nexus.kernel import redis
from tests import factories as make
from tests.domain.timelines.reading import bump_epoch, feed_of, flat, home, home_of, indexed, members, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[User, User]:
    """A reader and an author whom he follows."""
    reader, author = make.user(), make.user()
    make.follow(reader, author)
    return reader, author


def write(author: User, count: int) -> list[int]:
    """Posts of the author, newest first."""
    rows = Post.objects.bulk_create(Post(author=author, text="Again", root_id=1) for _ in range(count))
    return [row.pk for row in reversed(rows)]


def test_a_feed_holds_ids_in_order_although_they_do_not_fit_a_score(pair: tuple[User, User]) -> None:
    reader, author = pair
    # These two are one and the same as a double.
    low, high = make.post(author, id=2**62 + 1).pk, make.post(author, id=2**62 + 2).pk
    small = make.post(author, id=7).pk
    assert home(reader) == [high, low, small]
    assert indexed(reader) == [high, low, small]


def test_a_feed_that_was_filled_before_redis_restarted_is_given_up(pair: tuple[User, User]) -> None:
    reader, author = pair
    old = write(author, 2)
    home(reader)
    state = members(reader)[0]
    run, _, mark = state.removeprefix(b"!").partition(b":")
    assert len(run) == 40
    # What a restart with old data or a failover leaves: the same feed in another process.
    key = feed_of(reader).key
    redis.client().zrem(key, state)
    redis.client().zadd(key, {b"!" + run[::-1] + b":" + mark: 0})
    missed = write(author, 1)
    assert home(reader) == [*missed, *old]
    assert members(reader)[0] == state
    assert indexed(reader) == [*missed, *old]


def test_another_epoch_is_another_feed(pair: tuple[User, User]) -> None:
    reader, author = pair
    old = write(author, 2)
    home(reader)
    missed = write(author, 1)
    assert home(reader) == old  # nobody has pushed it yet
    bump_epoch(reader)
    assert home(reader) == [*missed, *old]


def test_a_feed_does_not_live_longer_because_it_is_read(pair: tuple[User, User]) -> None:
    reader, _ = pair
    home(reader)
    key = feed_of(reader).key
    assert 5 * 3600 < int(redis.client().ttl(key)) <= 6 * 3600
    redis.client().expire(key, 100)
    home(reader)
    assert int(redis.client().ttl(key)) <= 100


def test_below_its_low_water_mark_the_reader_goes_on_in_postgres(pair: tuple[User, User]) -> None:
    reader, author = pair
    posts = write(author, feeds.BUILT_SIZE + 60)
    assert flat(walk(home_of(reader), limit=100)) == posts
    assert indexed(reader) == posts[: feeds.BUILT_SIZE]
    assert members(reader)[0].endswith(str(posts[feeds.BUILT_SIZE - 1]).zfill(19).encode())


def test_upward_from_below_the_mark_nothing_is_skipped(pair: tuple[User, User]) -> None:
    reader, author = pair
    posts = write(author, feeds.BUILT_SIZE + 60)
    home(reader)
    upward = skeletons.home(reader.pk, Span(above=posts[-1], is_upward=True), 100)
    assert upward == posts[::-1][1:101]


def test_a_full_feed_is_trimmed_and_says_so(pair: tuple[User, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "SIZE_MAX", 20)
    monkeypatch.setattr(feeds, "TRIM_SLACK", 5)
    reader, author = pair
    old = write(author, 5)
    home(reader)
    new = write(author, feeds.SIZE_MAX + feeds.TRIM_SLACK)
    for post_id in reversed(new):
        feeds.push([feed_of(reader)], post_id)
    assert feeds.SIZE_MAX <= len(indexed(reader)) <= feeds.SIZE_MAX + feeds.TRIM_SLACK
    lowest = indexed(reader)[-1]
    assert members(reader)[0].endswith(str(lowest).zfill(19).encode())
    assert lowest not in old
    assert flat(walk(home_of(reader), limit=8)) == [*new, *old]


def test_what_is_pushed_below_the_mark_is_left_to_postgres(pair: tuple[User, User]) -> None:
    reader, author = pair
    posts = write(author, feeds.BUILT_SIZE)
    home(reader)
    late = make.post(author, id=posts[-1] - 1)
    fan_out_post(post_id=late.pk)
    assert late.pk not in indexed(reader)
    assert flat(walk(home_of(reader), limit=100)) == [*posts, late.pk]


def test_what_is_pushed_while_a_feed_is_built_is_kept(pair: tuple[User, User]) -> None:
    reader, author = pair
    feed = feed_of(reader)
    token = feeds.begin(feed)
    assert token is not None
    looked = skeletons.followed(reader.pk, Span(), feeds.BUILT_SIZE)  # the builder looks too early
    post = make.post(author)
    fan_out_post(post_id=post.pk)
    feeds.finish(feed, token, looked, mark=0)
    assert indexed(reader) == [post.pk]
    assert home(reader) == [post.pk]


def test_while_a_feed_is_built_others_read_from_postgres(pair: tuple[User, User]) -> None:
    reader, author = pair
    post = make.post(author)
    token = feeds.begin(feed_of(reader))
    assert token is not None
    assert feeds.begin(feed_of(reader)) is None
    assert home(reader) == [post.pk]
    assert indexed(reader) == []


def test_who_lost_his_turn_cannot_finish_the_feed_of_another(pair: tuple[User, User]) -> None:
    reader, author = pair
    feed = feed_of(reader)
    slow = feeds.begin(feed)
    assert slow is not None
    redis.client().delete(feed.key)  # it took too long
    missed = make.post(author)
    fan_out_post(post_id=missed.pk)  # nowhere to push to
    other = feeds.begin(feed)
    assert other is not None
    feeds.finish(feed, slow, [], mark=0)
    assert feeds.read(feed, Span(), 10) == feeds.Missing(is_cold=False)
    assert home(reader) == [missed.pk]


def test_a_builder_that_died_is_replaced_soon(pair: tuple[User, User]) -> None:
    reader, _ = pair
    assert feeds.begin(feed_of(reader)) is not None
    assert 0 < int(redis.client().ttl(feed_of(reader).key)) <= 20
