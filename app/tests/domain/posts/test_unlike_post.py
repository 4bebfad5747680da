"""unlike_post."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Like, Post
from nexus.domain.posts.operations import unlike_post
from nexus.domain.posts.queries import post
from nexus.domain.posts.shapes import PostFlags
from nexus.kernel.errors import NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def test_a_like_is_taken_back_in_four_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, other, row = make.user(), make.user(), make.post()
    make.like(ada, row)
    make.like(other, row)
    with django_assert_num_queries(4):
        shown = unlike_post(actor=make.viewer(ada), post_id=row.pk)
    assert (shown.like_count, shown.viewer) == (1, PostFlags(is_liked=False))
    assert post(viewer=make.viewer(ada), post_id=row.pk) == shown
    assert Like.objects.get().user_id == other.pk
    assert events() == [("PostUnliked", {"user_id": ada.pk, "post_id": row.pk})]


def test_what_is_not_liked_stays_as_it_is(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, row = make.user(), make.post()
    make.like(make.user(), row)
    with django_assert_num_queries(2):
        assert unlike_post(actor=make.viewer(ada), post_id=row.pk).like_count == 1
    assert Like.objects.count() == 1
    assert events() == []


def test_a_post_that_has_become_hidden_is_as_good_as_gone_for_its_likers() -> None:
    ada, row = make.user(), make.post()
    make.like(ada, row)
    make.block(row.author, ada)
    for post_id in (row.pk, 1):
        with pytest.raises(NotFound):
            unlike_post(actor=make.viewer(ada), post_id=post_id)
    with pytest.raises(NotAuthenticated):
        unlike_post(actor=ANONYMOUS, post_id=row.pk)
    assert Post.objects.get().like_count == Like.objects.count() == 1
    assert events() == []
