"""home_timeline: what is in it."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.models import Follow
from nexus.domain.graph.operations import block_user, follow_user, unfollow_user
from nexus.domain.posts.models import Post
from nexus.domain.posts.operations import delete_post, publish_post
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.timelines.queries import home_timeline
from nexus.domain.timelines.scanning import SCANS_MAX
from nexus.domain.users.models import User
from nexus.kernel import redis
from nexus.kernel.errors import InvalidCursor, NotAuthenticated
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make
from tests.domain.timelines.reading import flat, home, home_of, ids, indexed, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[User, User]:
    """A reader and an author whom he follows."""
    reader, author = make.user(), make.user()
    make.follow(reader, author)
    return reader, author


def test_it_shows_the_posts_of_those_one_follows_and_ones_own_newest_first(pair: tuple[User, User]) -> None:
    reader, author = pair
    first, own, last = make.post(author), make.post(reader), make.post(author)
    make.post(make.user())
    page = home_timeline(viewer=make.viewer(reader), page=PageRequest())
    assert ids(page) == [last.pk, own.pk, first.pk]
    assert page.next is None
    assert page.items[0].post.text == last.text


def test_nobody_has_a_home() -> None:
    with pytest.raises(NotAuthenticated):
        home_timeline(viewer=ANONYMOUS, page=PageRequest())


def test_who_follows_nobody_has_an_empty_home() -> None:
    make.post()
    page = home_timeline(viewer=make.viewer(make.user()), page=PageRequest())
    assert (page.items, page.next, page.prev) == ((), None, None)


def test_answers_are_shown_when_they_are_for_the_reader_or_for_somebody_he_follows(pair: tuple[User, User]) -> None:
    reader, author = pair
    friend, stranger = make.user(), make.user()
    make.follow(reader, friend)
    begun, elsewhere = make.post(author), make.post(stranger)
    to_reader = make.post(author, reply_to=make.post(reader))
    to_friend = make.post(author, reply_to=make.post(friend))
    to_himself = make.post(author, reply_to=begun)
    to_stranger = make.post(author, reply_to=elsewhere)
    own_to_stranger = make.post(reader, reply_to=elsewhere)
    shown = home(reader)
    assert {to_reader.pk, to_friend.pk, to_himself.pk, own_to_stranger.pk} <= set(shown)
    assert to_stranger.pk not in shown
    assert elsewhere.pk not in shown


def test_each_visibility_is_kept(pair: tuple[User, User]) -> None:
    reader, author = pair
    shown = [make.post(author, visibility=each).pk for each in ("public", "unlisted", "followers")]
    for_reader = make.post(author, visibility="mentioned", mentions=[reader])
    for_another = make.post(author, visibility="mentioned", mentions=[make.user()])
    assert home(reader) == [for_reader.pk, *reversed(shown)]
    assert for_another.pk not in home(reader)


def test_a_post_of_ones_own_is_there_at_once(pair: tuple[User, User]) -> None:
    reader, _ = pair
    home(reader)  # the index is there, and the worker does nothing in this test
    own = publish_post(actor=make.viewer(reader), text="Here I am")
    assert home(reader) == [own.id]


def test_a_warm_page_takes_four_statements(
    pair: tuple[User, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reader, author = pair
    posts = [make.post(author).pk for _ in range(30)]
    home(reader)
    with django_assert_num_queries(4):  # epoch and what no feed has; rules; posts; people
        page = home_of(reader)(PageRequest())
    assert ids(page) == posts[:9:-1]


def test_a_cold_page_takes_five_statements_and_builds_the_index(
    pair: tuple[User, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reader, author = pair
    posts = [make.post(author).pk for _ in range(30)]
    with django_assert_num_queries(5):
        page = home_of(reader)(PageRequest())
    assert ids(page) == posts[:9:-1]
    assert indexed(reader) == posts[::-1]


@pytest.mark.usefixtures("redis_is_off")
def test_a_page_without_redis_takes_four_statements(
    pair: tuple[User, User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reader, author = pair
    posts = [make.post(author).pk for _ in range(30)]
    with django_assert_num_queries(4):  # ids; rules; posts; people
        page = home_of(reader)(PageRequest())
    assert ids(page) == posts[:9:-1]


@pytest.mark.usefixtures("redis_is_off")
def test_without_redis_it_has_neither_end_nor_gap(pair: tuple[User, User]) -> None:
    reader, author = pair
    posts = [make.post(author if n % 3 else reader).pk for n in range(40)]
    assert flat(walk(home_of(reader), limit=7)) == posts[::-1]


def test_when_redis_is_gone_it_reads_on_from_postgres(
    pair: tuple[User, User], take_redis_away: Callable[[], None]
) -> None:
    reader, author = pair
    posts = [make.post(author).pk for _ in range(10)]
    assert home(reader) == posts[::-1]
    take_redis_away()
    late = make.post(author)
    assert home(reader) == [late.pk, *posts[::-1]]


def test_redis_flushed_in_the_middle_of_paging_is_not_seen(pair: tuple[User, User]) -> None:
    reader, author = pair
    posts = [make.post(author).pk for _ in range(40)]
    pages = walk(home_of(reader), limit=7, between=lambda: redis.client().flushdb())
    assert flat(pages) == posts[::-1]


def test_an_unfollow_is_effective_at_once_with_a_feed_that_knows_nothing_of_it(pair: tuple[User, User]) -> None:
    reader, author = pair
    post = make.post(author)
    assert home(reader) == [post.pk]
    Follow.objects.all().delete()  # as if the epoch had not changed
    assert indexed(reader) == [post.pk]
    assert home(reader) == []


def test_a_block_is_effective_at_once_with_a_feed_that_knows_nothing_of_it(pair: tuple[User, User]) -> None:
    reader, author = pair
    post = make.post(author)
    assert home(reader) == [post.pk]
    make.block(author, reader)
    assert indexed(reader) == [post.pk]
    assert home(reader) == []


def test_a_deletion_is_effective_at_once(pair: tuple[User, User]) -> None:
    reader, author = pair
    kept, post = make.post(author), make.post(author)
    assert home(reader) == [post.pk, kept.pk]
    delete_post(actor=make.viewer(author), post_id=post.pk)
    assert indexed(reader) == [post.pk, kept.pk]
    assert home(reader) == [kept.pk]


def test_follow_unfollow_and_block_show_at_once_through_the_operations() -> None:
    reader, author = make.user(), make.user()
    posts = [make.post(author).pk for _ in range(3)]
    me = make.viewer(reader)
    assert home(reader) == []
    follow_user(actor=me, user_id=author.pk)
    assert home(reader) == posts[::-1]
    unfollow_user(actor=me, user_id=author.pk)
    assert home(reader) == []
    follow_user(actor=me, user_id=author.pk)
    assert home(reader) == posts[::-1]
    block_user(actor=make.viewer(author), user_id=reader.pk)
    assert home(reader) == []


def test_somebody_deactivated_is_not_shown(pair: tuple[User, User]) -> None:
    reader, author = pair
    make.post(author)
    assert len(home(reader)) == 1
    User.objects.filter(pk=author.pk).update(is_active=False)
    assert home(reader) == []


def test_a_page_whose_posts_are_all_hidden_leads_on(pair: tuple[User, User]) -> None:
    reader, author = pair
    shown = make.post(author)
    elsewhere = make.post()
    scanned = (2 * 1 + 1) + 200 * (SCANS_MAX - 1)
    hidden = [Post(author=author, text="Indeed", reply_to=elsewhere, root_id=elsewhere.pk) for _ in range(scanned)]
    Post.objects.bulk_create(hidden)
    first = home_of(reader)(PageRequest(limit=1))
    assert first.items == ()
    assert first.next is not None
    second = home_of(reader)(PageRequest(limit=1, cursor=first.next))
    assert ids(second) == [shown.pk]
    assert second.next is None


def test_a_page_is_refilled_when_some_are_hidden(pair: tuple[User, User]) -> None:
    reader, author = pair
    elsewhere = make.post()
    shown = [make.post(author).pk for _ in range(6)]
    for _ in range(20):
        make.post(author, reply_to=elsewhere)
    page = home_of(reader)(PageRequest(limit=5))
    assert ids(page) == shown[:0:-1]
    assert ids(home_of(reader)(PageRequest(limit=5, cursor=page.next))) == shown[:1]


def test_prev_finds_what_is_newer_and_meets_the_page_it_came_from(pair: tuple[User, User]) -> None:
    reader, author = pair
    old = [make.post(author).pk for _ in range(3)]
    first = home_of(reader)(PageRequest(limit=2))
    assert ids(first) == [old[2], old[1]]
    nothing = home_of(reader)(PageRequest(limit=2, cursor=first.prev))
    assert ids(nothing) == []
    new = [make.post(author) for _ in range(3)]
    for post in new:
        fan_out_post(post_id=post.pk)
    newer = home_of(reader)(PageRequest(limit=2, cursor=nothing.prev))
    assert ids(newer) == [new[1].pk, new[0].pk]
    newest = home_of(reader)(PageRequest(limit=2, cursor=newer.prev))
    assert ids(newest) == [new[2].pk]
    assert ids(home_of(reader)(PageRequest(limit=2, cursor=newer.next))) == [old[2], old[1]]


def test_anothers_cursor_is_refused(pair: tuple[User, User]) -> None:
    reader, author = pair
    for _ in range(3):
        make.post(author)
    page = home_of(reader)(PageRequest(limit=1))
    with pytest.raises(InvalidCursor):
        home_of(author)(PageRequest(limit=1, cursor=page.next))
