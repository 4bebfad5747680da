"""followers."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.queries import followers, followers_of_many
from nexus.domain.users.models import User
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import InvalidCursor, NotFound
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def ids(page: Page) -> list[int]:  # type: ignore[type-arg]
    return [person.id for person in page.items]


def followed(count: int) -> tuple[User, list[User]]:
    """An author and the followers, newest first."""
    author, readers = make.user(), [make.user() for _ in range(count)]
    for reader in readers:
        make.follow(reader, author)
    return author, readers[::-1]


def test_pages_follow_each_other_newest_first_without_gap_or_repetition() -> None:
    author, readers = followed(5)
    first = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=2))
    second = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=2, cursor=first.next))
    third = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=2, cursor=second.next))
    assert ids(first) + ids(second) + ids(third) == [reader.pk for reader in readers]
    assert third.next is None
    back = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=2, cursor=third.prev))
    assert ids(back) == ids(second)
    newcomer = make.user()
    make.follow(newcomer, author)
    newer = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=2, cursor=first.prev))
    assert ids(newer) == [newcomer.pk]


def test_hidden_people_are_left_out_and_the_viewer_appears_normally() -> None:
    author, readers = followed(5)
    viewer, blocker, blocked, gone, other = readers
    make.block(blocker, viewer)
    make.block(viewer, blocked)
    gone.is_active = False
    gone.save()
    page = followers(viewer=make.viewer(viewer), user_id=author.pk, page=PageRequest(limit=2))
    assert ids(page) == [viewer.pk, other.pk]
    assert page.next is None
    assert [person.viewer for person in page.items] == [None, Relationship()]


def test_the_list_of_a_hidden_person_is_not_found() -> None:
    viewer, gone, blocker = make.user(), make.user(is_active=False), make.user()
    make.block(blocker, viewer)
    for user_id in (1, gone.pk, blocker.pk):
        with pytest.raises(NotFound):
            followers(viewer=make.viewer(viewer), user_id=user_id, page=PageRequest())


def test_a_cursor_of_another_list_is_refused() -> None:
    author, _ = followed(2)
    other, _ = followed(2)
    cursor = followers(viewer=ANONYMOUS, user_id=author.pk, page=PageRequest(limit=1)).next
    with pytest.raises(InvalidCursor):
        followers(viewer=ANONYMOUS, user_id=other.pk, page=PageRequest(limit=1, cursor=cursor))


@pytest.mark.parametrize("count", [1, 7])
def test_a_page_takes_three_statements(django_assert_num_queries: DjangoAssertNumQueries, count: int) -> None:
    author, readers = followed(count)
    with django_assert_num_queries(3):
        followers(viewer=make.viewer(readers[0]), user_id=author.pk, page=PageRequest())


def test_many_lists_are_the_same_as_one_by_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    authors = [followed(count)[0] for count in (0, 2, 3)]
    viewer, blocker = make.user(), followed(2)[0]
    make.block(blocker, viewer)
    with django_assert_num_queries(3):
        pages = followers_of_many(make.viewer(viewer), [*(author.pk for author in authors), blocker.pk], 2)
    for author in authors:
        one = followers(viewer=make.viewer(viewer), user_id=author.pk, page=PageRequest(limit=2))
        assert pages[author.pk] == one
    assert pages[blocker.pk] == Page(items=(), positions=(), next=None, prev=None)
