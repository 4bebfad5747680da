"""hashtag_timeline."""

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from nexus.domain.posts.operations import delete_post, publish_post
from nexus.domain.timelines.queries import hashtag_timeline
from nexus.kernel.errors import InvalidCursor, InvalidInput
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.domain.timelines.reading import flat, ids, walk

pytestmark = pytest.mark.django_db


def tagged(hashtag: str, viewer: Viewer = ANONYMOUS) -> list[int]:
    return ids(hashtag_timeline(viewer=viewer, hashtag=hashtag, page=PageRequest()))


def test_it_shows_public_posts_and_comments_with_the_hashtag() -> None:
    first = make.post(hashtags=["nexus"])
    comment = make.post(reply_to=first, hashtags=["nexus", "django"])
    make.post(hashtags=["django"])
    for visibility in ("unlisted", "followers", "mentioned"):
        make.post(hashtags=["nexus"], visibility=visibility)
    assert tagged("nexus") == [comment.pk, first.pk]


def test_not_even_its_followers_find_a_post_for_followers_by_its_hashtag() -> None:
    reader, author = make.user(), make.user()
    make.follow(reader, author)
    make.post(author, hashtags=["nexus"], visibility="followers")
    assert tagged("nexus", make.viewer(reader)) == []


@pytest.mark.parametrize("spelling", ["STRASSE", "straße", "#Strasse", "Ｓｔｒａｓｓｅ"])
def test_every_spelling_finds_the_same(spelling: str) -> None:
    post = publish_post(actor=make.viewer(make.user()), text="In der #Straße")
    assert tagged(spelling) == [post.id]


def test_a_hashtag_that_nobody_uses_is_an_empty_timeline() -> None:
    assert tagged("nobody") == []


@pytest.mark.parametrize("text", ["", "#", "two words", "2026", "a-b"])
def test_what_cannot_be_a_hashtag_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        tagged(text)


def test_the_cursor_of_one_hashtag_is_of_no_use_with_another() -> None:
    for _ in range(2):
        make.post(hashtags=["nexus"])
    page = hashtag_timeline(viewer=ANONYMOUS, hashtag="nexus", page=PageRequest(limit=1))
    again = PageRequest(limit=1, cursor=page.next)
    assert len(hashtag_timeline(viewer=ANONYMOUS, hashtag="NEXUS", page=again).items) == 1
    with pytest.raises(InvalidCursor):
        hashtag_timeline(viewer=ANONYMOUS, hashtag="django", page=again)


def test_pages_have_neither_gap_nor_end_too_early() -> None:
    posts = [make.post(hashtags=["nexus"]).pk for _ in range(7)]
    pages = walk(lambda page: hashtag_timeline(viewer=ANONYMOUS, hashtag="nexus", page=page), limit=2)
    assert flat(pages) == posts[::-1]


def test_blocks_hide_both_ways() -> None:
    viewer, other = make.user(), make.user()
    make.post(other, hashtags=["nexus"])
    make.block(other, viewer)
    assert tagged("nexus", make.viewer(viewer)) == []


def test_it_takes_four_statements_and_one_when_the_page_was_asked_a_moment_ago(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    posts = [make.post(hashtags=["nexus"]).pk for _ in range(5)]
    with django_assert_num_queries(4):
        assert tagged("nexus") == posts[::-1]
    with django_assert_num_queries(1):
        assert tagged("Nexus") == posts[::-1]


def test_publishing_and_deleting_show_at_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    author = make.viewer(make.user())
    assert tagged("nexus") == []
    with django_capture_on_commit_callbacks(execute=True):
        post = publish_post(actor=author, text="#nexus")
    assert tagged("nexus") == [post.id]
    with django_capture_on_commit_callbacks(execute=False):
        delete_post(actor=author, post_id=post.id)
    assert tagged("nexus") == []
