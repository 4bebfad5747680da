"""public_timeline."""

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from nexus.domain.posts.models import Post
from nexus.domain.posts.operations import delete_post, edit_post, publish_post
from nexus.domain.timelines.queries import public_timeline
from nexus.domain.timelines.shapes import TimelineItem
from nexus.domain.users.models import User
from nexus.kernel.errors import InvalidCursor
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.domain.timelines.reading import flat, ids, walk

pytestmark = pytest.mark.django_db


def public(viewer: Viewer = ANONYMOUS, limit: int = 20) -> list[int]:
    return ids(public_timeline(viewer=viewer, page=PageRequest(limit=limit)))


def read(page: PageRequest) -> Page[TimelineItem]:
    return public_timeline(viewer=ANONYMOUS, page=page)


def test_everybody_sees_public_posts_that_begin_a_thread() -> None:
    first, second = make.post(), make.post()
    make.post(reply_to=first)
    for visibility in ("unlisted", "followers", "mentioned"):
        make.post(visibility=visibility)
    assert public() == [second.pk, first.pk]


def test_nobody_sees_whom_he_blocks_or_who_blocks_him() -> None:
    viewer, blocked, blocking, other = (make.user() for _ in range(4))
    make.block(viewer, blocked)
    make.block(blocking, viewer)
    posts = {person: make.post(person).pk for person in (blocked, blocking, other)}
    assert public(make.viewer(viewer)) == [posts[other]]
    assert public() == [posts[other], posts[blocking], posts[blocked]]


def test_pages_have_neither_gap_nor_end_too_early() -> None:
    posts = [make.post().pk for _ in range(11)]
    assert flat(walk(read, limit=3)) == posts[::-1]


def test_another_lists_cursor_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        read(PageRequest(cursor="AAAA"))


def test_it_takes_four_statements_and_one_when_the_page_was_asked_a_moment_ago(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    posts = [make.post().pk for _ in range(30)]
    with django_assert_num_queries(4):
        assert public() == posts[:9:-1]
    with django_assert_num_queries(1):
        assert public() == posts[:9:-1]
    with django_assert_num_queries(4):  # another page
        assert public(limit=5) == posts[:24:-1]
    viewer = make.viewer(make.user())
    with django_assert_num_queries(4):  # not for everybody
        assert public(viewer) == posts[:9:-1]


def test_a_deletion_is_effective_at_once_even_if_redis_missed_it(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    author = make.user()
    first, second = make.post(author), make.post(author)
    assert public() == [second.pk, first.pk]
    with django_capture_on_commit_callbacks(execute=False):
        delete_post(actor=make.viewer(author), post_id=second.pk)
    assert public() == [first.pk]


def test_an_edit_is_effective_at_once_even_if_redis_missed_it(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    post = make.post(text="Frist")
    assert public() == [post.pk]
    with django_capture_on_commit_callbacks(execute=False):
        edit_post(actor=make.viewer(post.author), post_id=post.pk, text="First")
    (item,) = read(PageRequest()).items
    assert item.post.text == "First"


def test_somebody_deactivated_is_gone_at_once() -> None:
    post = make.post()
    assert public() == [post.pk]
    User.objects.filter(pk=post.author_id).update(is_active=False)
    assert public() == []


def test_a_new_post_is_there_at_once(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    assert public() == []
    with django_capture_on_commit_callbacks(execute=True):
        post = publish_post(actor=make.viewer(make.user()), text="Here I am")
    assert public() == [post.id]


@pytest.mark.usefixtures("redis_is_off")
def test_without_redis_nothing_is_kept(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    post = make.post()
    assert public() == [post.pk]
    with django_assert_num_queries(4):
        assert public() == [post.pk]


def test_a_page_whose_posts_are_all_hidden_leads_on() -> None:
    viewer, blocked = make.user(), make.user()
    make.block(viewer, blocked)
    shown = make.post()
    Post.objects.bulk_create(Post(author=blocked, text="Boo", root_id=1) for _ in range(700))
    me = make.viewer(viewer)
    first = public_timeline(viewer=me, page=PageRequest(limit=1))
    assert (first.items, first.next is None) == ((), False)
    second = public_timeline(viewer=me, page=PageRequest(limit=1, cursor=first.next))
    assert ids(second) == [shown.pk]
