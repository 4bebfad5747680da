"""like_post."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Like, Post
from nexus.domain.posts.operations import like_post, unlike_post
from nexus.domain.posts.queries import post
from nexus.domain.posts.shapes import PostFlags
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def test_a_like_is_stored_counted_and_told_in_four_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ada, row = make.user(), make.post()
    make.like(make.user(), row)
    with django_assert_num_queries(4):
        shown = like_post(actor=make.viewer(ada), post_id=row.pk)
    assert (shown.like_count, shown.viewer, shown.version) == (2, PostFlags(is_liked=True), 1)
    assert post(viewer=make.viewer(ada), post_id=row.pk) == shown
    assert events() == [("PostLiked", {"user_id": ada.pk, "post_id": row.pk})]


def test_liking_again_changes_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, row = make.user(), make.post()
    first = like_post(actor=make.viewer(ada), post_id=row.pk)
    edge = Like.objects.get()
    with django_assert_num_queries(2):
        assert like_post(actor=make.viewer(ada), post_id=row.pk) == first
    assert Like.objects.get() == edge
    assert len(events()) == 1


def test_everybody_may_like_their_own_post() -> None:
    row = make.post()
    assert like_post(actor=make.viewer(row.author), post_id=row.pk).like_count == 1


def test_what_the_actor_may_not_see_cannot_be_liked() -> None:
    ada, blocker = make.user(), make.user()
    make.block(blocker, ada)
    hidden = [make.post(visibility="followers"), make.post(visibility="mentioned"), make.post(blocker)]
    for post_id in (*(row.pk for row in hidden), 1):
        with pytest.raises(NotFound):
            like_post(actor=make.viewer(ada), post_id=post_id)
    with pytest.raises(NotAuthenticated):
        like_post(actor=ANONYMOUS, post_id=make.post().pk)
    assert not Like.objects.exists()
    assert not Post.objects.filter(like_count__gt=0).exists()
    assert events() == []


@pytest.mark.django_db(transaction=True)
def test_the_count_is_right_when_many_like_and_unlike_at_once() -> None:
    row = make.post()
    people = [make.viewer(make.user()) for _ in range(4)]
    start = threading.Barrier(8)

    def like_and_unlike(actor: Viewer) -> None:
        try:
            start.wait()
            for _ in range(6):
                like_post(actor=actor, post_id=row.pk)
                unlike_post(actor=actor, post_id=row.pk)
            like_post(actor=actor, post_id=row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(like_and_unlike, people * 2))
    told = [name for name, _ in events()]
    assert Post.objects.get().like_count == Like.objects.count() == 4
    assert told.count("PostLiked") - told.count("PostUnliked") == 4


@pytest.mark.django_db(transaction=True)
def test_of_the_same_like_sent_at_once_one_counts() -> None:
    ada, row = make.viewer(make.user()), make.post()
    start = threading.Barrier(8)

    def like(_: int) -> int:
        try:
            start.wait()
            return like_post(actor=ada, post_id=row.pk).like_count
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(like, range(8))) == {1}
    assert Post.objects.get().like_count == 1
    assert len(events()) == 1
