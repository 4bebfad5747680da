"""thread."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Post
from nexus.domain.posts.queries import comments_of_many, thread
from nexus.domain.posts.shapes import PostFlags, PostShape, ThreadShape
from nexus.kernel.errors import InvalidCursor, NotFound
from nexus.kernel.ids import made_at
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


def read(row: Post, viewer: Viewer = ANONYMOUS, **page: object) -> ThreadShape:
    return thread(viewer=viewer, post_id=row.pk, page=PageRequest(**page))  # type: ignore[arg-type]


def ids(posts: tuple[PostShape, ...]) -> list[int]:
    return [post.id for post in posts]


def chain(length: int) -> list[Post]:
    author = make.user()
    rows: list[Post] = []
    for _ in range(length):
        rows.append(make.post(author, reply_to=rows[-1] if rows else None))
    return rows


def test_a_post_stands_between_what_it_answers_and_what_answers_it_in_four_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewer = make.user()
    root, above, row = chain(3)
    first, second = make.post(reply_to=row), make.post(reply_to=row)
    make.post(reply_to=first)
    make.post(reply_to=above)
    make.like(viewer, second)
    with django_assert_num_queries(4):
        shown = read(row, make.viewer(viewer))
    assert ids(shown.ancestors) == [root.pk, above.pk]
    assert shown.post.id == row.pk
    assert ids(shown.comments.items) == [first.pk, second.pk]
    assert [each.viewer for each in shown.comments.items] == [PostFlags(False), PostFlags(True)]
    assert shown.comments.next is None


def test_the_nearest_fifty_ancestors_are_shown() -> None:
    rows = chain(53)
    assert ids(read(rows[-1]).ancestors) == [row.pk for row in rows[2:-1]]


def test_comments_are_paged_from_the_oldest_on_without_gaps_in_both_directions() -> None:
    root = make.post()
    comments = [make.post(reply_to=root).pk for _ in range(5)]
    first = read(root, limit=2).comments
    second = read(root, limit=2, cursor=first.next).comments
    third = read(root, limit=2, cursor=second.next).comments
    assert [ids(page.items) for page in (first, second, third)] == [comments[:2], comments[2:4], comments[4:]]
    assert third.next is None
    assert ids(read(root, limit=2, cursor=third.prev).comments.items) == comments[2:4]
    before_all = read(root, limit=2, cursor=first.prev).comments
    assert before_all.items == ()
    assert ids(read(root, limit=2, cursor=before_all.next).comments.items) == comments[:2]


def test_hidden_and_deleted_ancestors_leave_the_same_empty_place() -> None:
    author, follower, viewer = make.user(), make.user(), make.user()
    make.follow(follower, author)
    root = make.post(author)
    hidden = make.post(
        author, reply_to=root, visibility="followers", text="secret", content_warning="cw", hashtags=["secret"],
        mentions=[follower], version=3, edited_at=datetime.now(UTC),
    )  # fmt: skip
    deleted = make.post(author, reply_to=hidden, text="", deleted_at=datetime.now(UTC))
    leaf = make.post(follower, reply_to=deleted)
    make.like(follower, hidden)
    shown = read(leaf, make.viewer(viewer))
    assert ids(shown.ancestors) == [root.pk, hidden.pk, deleted.pk]
    assert [place.is_deleted for place in shown.ancestors] == [False, True, True]
    for place, row, above in ((shown.ancestors[1], hidden, root), (shown.ancestors[2], deleted, hidden)):
        assert place == PostShape(
            id=row.pk, author=None, text="", content_warning="", visibility="public", reply_to_id=above.pk,
            hashtags=(), mentions=(), like_count=0, comment_count=0, created_at=made_at(row.pk), edited_at=None,
            version=1, is_deleted=True, viewer=None,
        )  # fmt: skip
    assert read(leaf, make.viewer(follower)).ancestors[1].text == "secret"


def test_a_hidden_or_deleted_comment_stays_as_an_empty_place_only_if_something_visible_answers_it() -> None:
    root = make.post()
    answered = [
        make.post(reply_to=root, visibility="followers"),
        make.post(reply_to=root, text="", deleted_at=datetime.now(UTC)),
    ]
    lonely = [
        make.post(reply_to=root, visibility="followers"),
        make.post(reply_to=root, text="", deleted_at=datetime.now(UTC)),
    ]
    for row in answered:
        make.post(reply_to=row)
    for row in lonely:
        make.post(reply_to=row, visibility="mentioned")
    shown = read(root, make.viewer(make.user()))
    assert ids(shown.comments.items) == [row.pk for row in answered]
    assert all(place.is_deleted and place.author is None for place in shown.comments.items)
    assert {place.reply_to_id for place in shown.comments.items} == {root.pk}
    assert shown.post.comment_count == 0


def test_blocked_people_comment_unseen() -> None:
    viewer, blocked, root = make.user(), make.user(), make.post()
    unseen, seen = make.post(blocked, reply_to=root), make.post(reply_to=root)
    make.block(viewer, blocked)
    assert ids(read(root, make.viewer(viewer)).comments.items) == [seen.pk]
    assert ids(read(root).comments.items) == [unseen.pk, seen.pk]


def test_the_thread_of_a_hidden_post_is_not_found() -> None:
    viewer = make.viewer(make.user())
    hidden, deleted = make.post(visibility="followers"), make.post(deleted_at=datetime.now(UTC))
    for row in (hidden, deleted):
        make.post(reply_to=row)
    for post_id in (hidden.pk, deleted.pk, 1):
        with pytest.raises(NotFound):
            thread(viewer=viewer, post_id=post_id, page=PageRequest())


def test_a_cursor_of_another_thread_is_refused() -> None:
    root, other = make.post(), make.post()
    for _ in range(2):
        make.post(reply_to=root)
    with pytest.raises(InvalidCursor):
        read(other, cursor=read(root, limit=1).comments.next)


def test_the_first_comments_of_many_posts_take_three_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewer = make.viewer(make.user())
    rows = [make.post() for _ in range(3)]
    hidden = make.post(visibility="followers")
    for row in (*rows[:2], hidden):
        for _ in range(3):
            make.post(reply_to=row)
    make.post(reply_to=make.post(reply_to=rows[2], visibility="followers"))
    asked = [row.pk for row in rows]
    with django_assert_num_queries(3):
        pages = comments_of_many(viewer, [*asked, hidden.pk, 1], limit=2)
    for row in rows:
        assert pages[row.pk] == read(row, viewer, limit=2).comments
    assert [len(pages[post_id].items) for post_id in (*asked, hidden.pk, 1)] == [2, 2, 1, 0, 0]
