"""delete_post."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Like, Post, PostHashtag
from nexus.domain.posts.operations import delete_post, publish_post
from nexus.domain.posts.queries import post, thread
from nexus.domain.users.models import User
from nexus.kernel.errors import Forbidden, NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS, Role
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def post_count(person: User) -> int:
    return int(User.objects.get(pk=person.pk).post_count)


def comment_count(row: Post) -> int:
    return Post.objects.get(pk=row.pk).comment_count


def test_of_a_deleted_post_nothing_is_left_but_its_place(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben = make.user(), make.user()
    row = make.post(ada, text="#tea @ben", content_warning="cw", hashtags=["tea"], mentions=[ben])
    make.like(ben, row)
    with django_assert_num_queries(5):  # lock, the post, its hashtags, its author's count, event
        delete_post(actor=make.viewer(ada), post_id=row.pk)
    left = Post.objects.get()
    assert (left.text, left.content_warning, left.hashtags, left.mention_ids) == ("", "", [], [])
    assert left.deleted_at is not None
    assert (left.like_count, Like.objects.count()) == (1, 1)
    assert not PostHashtag.objects.exists()
    assert post_count(ada) == 0
    assert events() == [("PostDeleted", {"post_id": row.pk, "author_id": ada.pk})]
    with pytest.raises(NotFound):
        post(viewer=make.viewer(ada), post_id=row.pk)


def test_a_deleted_comment_is_no_longer_counted_and_its_answers_stay_readable() -> None:
    root = make.post()
    comment = make.post(reply_to=root)
    answer = make.post(reply_to=comment, text="still here")
    delete_post(actor=make.viewer(comment.author), post_id=comment.pk)
    assert (comment_count(root), comment_count(comment)) == (0, 1)
    shown = thread(viewer=ANONYMOUS, post_id=answer.pk, page=PageRequest())
    assert shown.post.text == "still here"
    assert [(place.id, place.is_deleted) for place in shown.ancestors] == [(root.pk, False), (comment.pk, True)]


@pytest.mark.parametrize("visibility", ["followers", "mentioned"])
def test_a_hidden_post_was_never_counted(visibility: str) -> None:
    ada, root = make.user(), make.post()
    publish_post(actor=make.viewer(ada), text="seen")
    row = make.post(ada, visibility=visibility, reply_to=root)
    make.post(reply_to=root)
    delete_post(actor=make.viewer(ada), post_id=row.pk)
    assert post_count(ada) == 1
    assert comment_count(root) == 1


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_moderators_delete_any_post_whoever_may_see_it(role: Role) -> None:
    moderator = make.user(role=role)
    blocker = make.user()
    make.block(blocker, moderator)
    rows = [make.post(), make.post(visibility="followers"), make.post(blocker), make.post(make.user(is_active=False))]
    for row in rows:
        delete_post(actor=make.viewer(moderator), post_id=row.pk)
    assert not Post.objects.filter(deleted_at=None).exists()
    assert [payload["author_id"] for _, payload in events()] == [row.author_id for row in rows]


def test_others_are_told_apart_by_what_they_may_see() -> None:
    other = make.viewer(make.user())
    seen, hidden = make.post(), make.post(visibility="followers")
    with pytest.raises(Forbidden):
        delete_post(actor=other, post_id=seen.pk)
    for post_id in (hidden.pk, 1):
        with pytest.raises(NotFound):
            delete_post(actor=other, post_id=post_id)
    with pytest.raises(NotAuthenticated):
        delete_post(actor=ANONYMOUS, post_id=seen.pk)
    assert Post.objects.filter(deleted_at=None).count() == 2
    assert events() == []


@pytest.mark.parametrize("role", ["user", "moderator"])
def test_what_is_deleted_is_not_found(role: Role) -> None:
    ada = make.user(role=role)
    row = make.post(ada)
    delete_post(actor=make.viewer(ada), post_id=row.pk)
    with pytest.raises(NotFound):
        delete_post(actor=make.viewer(ada), post_id=row.pk)
    assert post_count(ada) == 0
    assert len(events()) == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_at_once_counts_once() -> None:
    ada, root = make.user(), make.post()
    row = make.post(ada, reply_to=root)
    make.post(ada, reply_to=root)
    start = threading.Barrier(6)

    def delete(_: int) -> bool:
        try:
            start.wait()
            delete_post(actor=make.viewer(ada), post_id=row.pk)
        except NotFound:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(delete, range(6))).count(True) == 1
    assert (post_count(ada), comment_count(root)) == (1, 1)
    assert len(events()) == 1
