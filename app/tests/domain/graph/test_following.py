"""following."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.queries import following, following_of_many
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotFound
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_pages_follow_each_other_newest_first() -> None:
    reader, authors = make.user(), [make.user() for _ in range(3)]
    for author in authors:
        make.follow(reader, author)
    make.follow(authors[0], reader)
    first = following(viewer=ANONYMOUS, user_id=reader.pk, page=PageRequest(limit=2))
    rest = following(viewer=ANONYMOUS, user_id=reader.pk, page=PageRequest(limit=2, cursor=first.next))
    assert [person.id for page in (first, rest) for person in page.items] == [author.pk for author in authors[::-1]]
    assert rest.next is None
    assert [person.viewer for person in first.items] == [None, None]


def test_hidden_people_are_left_out() -> None:
    reader, shown, blocker, gone, viewer = (make.user() for _ in range(5))
    for author in (shown, blocker, gone, viewer):
        make.follow(reader, author)
    make.block(blocker, viewer)
    gone.is_active = False
    gone.save()
    page = following(viewer=make.viewer(viewer), user_id=reader.pk, page=PageRequest())
    assert [(person.id, person.viewer) for person in page.items] == [(viewer.pk, None), (shown.pk, Relationship())]


def test_the_list_of_a_hidden_person_is_not_found() -> None:
    viewer, gone, blocker = make.user(), make.user(is_active=False), make.user()
    make.block(blocker, viewer)
    for user_id in (1, gone.pk, blocker.pk):
        with pytest.raises(NotFound):
            following(viewer=make.viewer(viewer), user_id=user_id, page=PageRequest())


def test_a_page_takes_three_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader, authors = make.user(), [make.user() for _ in range(4)]
    for author in authors:
        make.follow(reader, author)
    with django_assert_num_queries(3):
        following(viewer=make.viewer(reader), user_id=reader.pk, page=PageRequest())


def test_many_lists_are_the_same_as_one_by_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    people = [make.user() for _ in range(4)]
    for number, reader in enumerate(people):
        for author in people[:number]:
            make.follow(reader, author)
    viewer = make.viewer(people[0])
    with django_assert_num_queries(3):
        pages: dict[int, Page] = following_of_many(viewer, [person.pk for person in people], 2)  # type: ignore[type-arg]
    for person in people:
        assert pages[person.pk] == following(viewer=viewer, user_id=person.pk, page=PageRequest(limit=2))
