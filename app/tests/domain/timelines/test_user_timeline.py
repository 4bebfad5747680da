"""user_timeline, and user_timelines_of_many."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.timelines.queries import user_timeline, user_timelines_of_many
from nexus.domain.users.models import User
from nexus.kernel.errors import InvalidCursor, NotFound
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.domain.timelines.reading import flat, ids, walk

pytestmark = pytest.mark.django_db


def by(author: User, viewer: Viewer = ANONYMOUS) -> list[int]:
    return ids(user_timeline(viewer=viewer, user_id=author.pk, page=PageRequest()))


def test_it_shows_posts_and_comments_of_one_author_newest_first() -> None:
    author = make.user()
    first = make.post(author)
    comment = make.post(author, reply_to=make.post())
    assert by(author) == [comment.pk, first.pk]


def test_everybody_sees_as_much_as_he_may() -> None:
    author, follower, named, stranger = (make.user() for _ in range(4))
    make.follow(follower, author)
    public, unlisted = make.post(author).pk, make.post(author, visibility="unlisted").pk
    followers = make.post(author, visibility="followers").pk
    mentioned = make.post(author, visibility="mentioned", mentions=[named]).pk
    assert by(author) == [unlisted, public]
    assert by(author, make.viewer(stranger)) == [unlisted, public]
    assert by(author, make.viewer(follower)) == [followers, unlisted, public]
    assert by(author, make.viewer(named)) == [mentioned, unlisted, public]
    assert by(author, make.viewer(author)) == [mentioned, followers, unlisted, public]


def test_who_is_hidden_is_not_found() -> None:
    author, viewer = make.user(), make.user()
    make.post(author)
    make.block(author, viewer)
    with pytest.raises(NotFound):
        by(author, make.viewer(viewer))
    User.objects.filter(pk=author.pk).update(is_active=False)
    with pytest.raises(NotFound):
        by(author)
    with pytest.raises(NotFound):
        user_timeline(viewer=ANONYMOUS, user_id=12345, page=PageRequest())


def test_pages_have_neither_gap_nor_end_too_early() -> None:
    author = make.user()
    posts = [make.post(author).pk for _ in range(7)]
    pages = walk(lambda page: user_timeline(viewer=ANONYMOUS, user_id=author.pk, page=page), limit=2)
    assert flat(pages) == posts[::-1]


def test_the_cursor_of_one_is_of_no_use_with_another() -> None:
    author = make.user()
    for _ in range(2):
        make.post(author)
    page = user_timeline(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=1))
    with pytest.raises(InvalidCursor):
        user_timeline(viewer=ANONYMOUS, user_id=make.user().pk, page=PageRequest(limit=1, cursor=page.next))


def test_it_takes_five_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    author, viewer = make.user(), make.viewer(make.user())
    posts = [make.post(author).pk for _ in range(30)]
    with django_assert_num_queries(5):  # profile; ids; rules; posts; people
        assert by(author, viewer) == posts[:9:-1]


def test_many_timelines_take_four_statements_and_are_the_same_first_pages(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewer, blocked = make.user(), make.user()
    make.block(blocked, viewer)
    authors = [make.user() for _ in range(5)]
    for author in [*authors, *authors, blocked]:
        for visibility in ("public", "followers"):
            make.post(author, visibility=visibility)
    make.follow(viewer, authors[0])
    me, asked = make.viewer(viewer), [person.pk for person in [*authors, blocked]]
    with django_assert_num_queries(4):
        pages = user_timelines_of_many(me, asked, 2)
    assert pages[blocked.pk].items == ()
    assert pages[blocked.pk].next is None
    for author in authors:
        alone = user_timeline(viewer=me, user_id=author.pk, page=PageRequest(limit=2))
        assert pages[author.pk].items == alone.items
        assert pages[author.pk].prev == alone.prev
        assert (pages[author.pk].next is None) == (alone.next is None)
