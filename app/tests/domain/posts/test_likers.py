"""likers."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.queries import likers, likers_of_many
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import InvalidCursor, NotFound
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_the_newest_like_comes_first_in_three_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben, cleo, row = make.user(), make.user(), make.user(), make.post()
    for person in (ada, ben, cleo):
        make.like(person, row)
    make.like(ada, make.post())
    make.follow(ada, ben)
    with django_assert_num_queries(3):
        page = likers(viewer=make.viewer(ada), post_id=row.pk, page=PageRequest())
    assert [person.id for person in page.items] == [cleo.pk, ben.pk, ada.pk]
    assert [person.viewer for person in page.items] == [Relationship(), Relationship(is_following=True), None]
    assert page.next is None


def test_pages_follow_each_other_without_gaps_in_both_directions() -> None:
    row, people = make.post(), [make.user() for _ in range(5)]
    for person in people:
        make.like(person, row)
    newest_first = [person.pk for person in reversed(people)]
    found, cursor, pages = [], None, []
    while True:
        page = likers(viewer=ANONYMOUS, post_id=row.pk, page=PageRequest(limit=2, cursor=cursor))
        pages.append(page)
        found += [person.id for person in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == newest_first
    back = likers(viewer=ANONYMOUS, post_id=row.pk, page=PageRequest(limit=2, cursor=pages[1].prev))
    assert [person.id for person in back.items] == newest_first[:2]


def test_whom_the_viewer_may_not_see_is_left_out_and_does_not_shorten_the_page() -> None:
    viewer, row = make.user(), make.post()
    seen, blocked, blocker, gone = make.user(), make.user(), make.user(), make.user(is_active=False)
    for person in (seen, blocked, blocker, gone):
        make.like(person, row)
    make.block(viewer, blocked)
    make.block(blocker, viewer)
    page = likers(viewer=make.viewer(viewer), post_id=row.pk, page=PageRequest(limit=1))
    assert [person.id for person in page.items] == [seen.pk]
    assert page.next is None
    assert len(likers(viewer=ANONYMOUS, post_id=row.pk, page=PageRequest()).items) == 3


def test_who_likes_a_hidden_post_is_hidden() -> None:
    viewer, row = make.user(), make.post(visibility="followers")
    make.like(row.author, row)
    for post_id in (row.pk, 1):
        with pytest.raises(NotFound):
            likers(viewer=make.viewer(viewer), post_id=post_id, page=PageRequest())


def test_a_cursor_of_another_list_is_refused() -> None:
    first, second = make.post(), make.post()
    for _ in range(2):
        make.like(make.user(), first)
    cursor = likers(viewer=ANONYMOUS, post_id=first.pk, page=PageRequest(limit=1)).next
    with pytest.raises(InvalidCursor):
        likers(viewer=ANONYMOUS, post_id=second.pk, page=PageRequest(cursor=cursor))


def test_the_first_pages_of_many_posts_take_three_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewer, blocked = make.user(), make.user()
    make.block(viewer, blocked)
    rows = [make.post() for _ in range(3)]
    hidden = make.post(visibility="followers")
    for row in (*rows[:2], hidden):
        for person in (blocked, *(make.user() for _ in range(3))):
            make.like(person, row)
    ids = [row.pk for row in rows]
    with django_assert_num_queries(3):
        pages = likers_of_many(make.viewer(viewer), [*ids, hidden.pk, 1], limit=2)
    assert list(pages) == [*ids, hidden.pk, 1]
    for post_id in ids:
        assert pages[post_id] == likers(viewer=make.viewer(viewer), post_id=post_id, page=PageRequest(limit=2))
    assert [len(pages[post_id].items) for post_id in (*ids, hidden.pk, 1)] == [2, 2, 0, 0, 0]
