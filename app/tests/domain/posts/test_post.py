"""post."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Post, Visibility
from nexus.domain.posts.queries import post, visible_posts
from nexus.domain.posts.shapes import Mention, PostFlags
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotFound
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


def is_visible(viewer: Viewer, row: Post) -> bool:
    try:
        return post(viewer=viewer, post_id=row.pk).id == row.pk
    except NotFound:
        return False


def test_a_post_is_shown_whole_in_two_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben, cleo = make.user(handle="ada"), make.user(handle="ben"), make.user()
    make.follow(ben, ada)
    row = make.post(
        ada, text="Hi @ben, #tea?", content_warning="hot", hashtags=["tea"], mentions=[ben], visibility="unlisted"
    )
    make.post(cleo, reply_to=row)
    make.like(ben, row)
    with django_assert_num_queries(2):
        shown = post(viewer=make.viewer(ben), post_id=row.pk)
    assert shown.author is not None
    assert (shown.author.handle, shown.author.viewer) == ("ada", Relationship(is_following=True))
    assert (shown.text, shown.content_warning, shown.visibility) == ("Hi @ben, #tea?", "hot", "unlisted")
    assert (shown.hashtags, shown.mentions) == (("tea",), (Mention(ben.pk, "ben"),))
    assert (shown.like_count, shown.comment_count, shown.version) == (1, 1, 1)
    assert (shown.created_at, shown.edited_at, shown.reply_to_id) == (row.created_at, None, None)
    assert (shown.is_deleted, shown.viewer) == (False, PostFlags(is_liked=True))


def test_nobody_has_no_flags() -> None:
    row = make.post()
    make.like(make.user(), row)
    shown = post(viewer=ANONYMOUS, post_id=row.pk)
    assert (shown.viewer, shown.like_count) == (None, 1)
    assert shown.author is not None
    assert shown.author.viewer is None


@pytest.mark.parametrize(
    ("visibility", "seen_by"),
    [
        (Visibility.PUBLIC, {"author", "follower", "followed", "mentioned", "stranger", "nobody"}),
        (Visibility.UNLISTED, {"author", "follower", "followed", "mentioned", "stranger", "nobody"}),
        (Visibility.FOLLOWERS, {"author", "follower", "mentioned"}),
        (Visibility.MENTIONED, {"author", "mentioned"}),
    ],
)
def test_visibility_says_who_sees_a_post(visibility: Visibility, seen_by: set[str]) -> None:
    author, follower, followed, mentioned, stranger = (make.user() for _ in range(5))
    make.follow(follower, author)
    make.follow(author, followed)
    row = make.post(author, visibility=visibility, mentions=[mentioned])
    viewers = {
        "author": make.viewer(author),
        "follower": make.viewer(follower),
        "followed": make.viewer(followed),
        "mentioned": make.viewer(mentioned),
        "stranger": make.viewer(stranger),
        "nobody": ANONYMOUS,
    }
    assert {name for name, viewer in viewers.items() if is_visible(viewer, row)} == seen_by


@pytest.mark.parametrize("visibility", Visibility.values)
def test_a_block_in_either_direction_hides_posts_from_both_even_where_they_are_mentioned(visibility: str) -> None:
    ada, ben = make.user(), make.user()
    by_ada = make.post(ada, visibility=visibility, mentions=[ben])
    by_ben = make.post(ben, visibility=visibility, mentions=[ada])
    make.block(ada, ben)
    assert not is_visible(make.viewer(ada), by_ben)
    assert not is_visible(make.viewer(ben), by_ada)
    assert is_visible(make.viewer(ada), by_ada)


def test_hidden_deleted_and_unknown_posts_are_indistinguishable() -> None:
    viewer, blocker = make.user(), make.user()
    make.block(blocker, viewer)
    rows = [
        make.post(visibility="followers"),
        make.post(visibility="mentioned"),
        make.post(blocker),
        make.post(make.user(is_active=False)),
        make.post(deleted_at=datetime.now(UTC)),
    ]
    answers = set()
    for post_id in (*(row.pk for row in rows), 1, (1 << 63) - 1):
        with pytest.raises(NotFound) as refusal:
            post(viewer=make.viewer(viewer), post_id=post_id)
        answers.add((refusal.value.code, refusal.value.detail, refusal.value.errors))
    assert len(answers) == 1


def test_moderators_read_by_the_same_rule_as_everybody() -> None:
    assert not is_visible(make.viewer(make.user(), role="moderator"), make.post(visibility="followers"))


def test_mentions_leave_out_whom_the_viewer_may_not_see() -> None:
    viewer, blocked, blocker, gone, seen = (
        make.user(),
        make.user(),
        make.user(),
        make.user(is_active=False),
        make.user(),
    )
    row = make.post(mentions=[blocked, blocker, gone, seen])
    make.block(viewer, blocked)
    make.block(blocker, viewer)
    assert [each.id for each in post(viewer=make.viewer(viewer), post_id=row.pk).mentions] == [seen.pk]
    assert [each.id for each in post(viewer=ANONYMOUS, post_id=row.pk).mentions] == [blocked.pk, blocker.pk, seen.pk]


def test_many_posts_keep_the_order_asked_for_in_two_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewer = make.user()
    rows = [make.post(mentions=[viewer, make.user()], hashtags=[f"tag{n}"]) for n in range(5)]
    hidden = make.post(visibility="followers")
    make.like(viewer, rows[3])
    asked = [rows[3].pk, hidden.pk, rows[0].pk, 1, rows[4].pk, rows[3].pk]
    with django_assert_num_queries(2):
        shown = visible_posts(make.viewer(viewer), asked)
    assert [each.id for each in shown] == [rows[3].pk, rows[0].pk, rows[4].pk]
    assert [each.viewer for each in shown] == [PostFlags(True), PostFlags(False), PostFlags(False)]


def test_no_posts_cost_no_more_statements_than_needed(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert visible_posts(ANONYMOUS, []) == ()
    with django_assert_num_queries(1):
        assert visible_posts(ANONYMOUS, [1, 2]) == ()
