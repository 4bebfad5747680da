"""Counters and hashtags stay right, and nobody waits in a circle, while much happens to the same posts at once."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from nexus.domain.posts.models import OPEN, Like, Post, PostHashtag, Visibility
from nexus.domain.posts.operations import delete_post, edit_post, like_post, publish_post, unlike_post
from nexus.domain.users.models import User
from nexus.kernel import database
from nexus.kernel.errors import Forbidden, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


def do_something(actor: Viewer, choose: random.Random) -> None:
    post_id = choose.choice(list(Post.objects.order_by("id").values_list("id", flat=True)))
    text = " ".join(f"#tag{n}" for n in choose.sample(range(6), 3))
    act = choose.randrange(5)
    if act == 0:
        publish_post(actor=actor, text=text, reply_to_id=post_id, visibility=choose.choice(Visibility.values))
    elif act == 1:
        edit_post(actor=actor, post_id=post_id, text=text)
    elif act == 2:
        delete_post(actor=actor, post_id=post_id)
    elif act == 3:
        like_post(actor=actor, post_id=post_id)
    else:
        unlike_post(actor=actor, post_id=post_id)


def test_counters_equal_what_they_count_after_a_storm() -> None:
    people = [make.user() for _ in range(3)]
    for person in people:
        make.post(make.post(person).author)
    failures: list[BaseException] = []

    def storm(number: int) -> None:
        choose = random.Random(number)
        try:
            for _ in range(25):
                try:
                    do_something(make.viewer(choose.choice(people)), choose)
                except (NotFound, Forbidden):
                    continue
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(storm, range(6)))
    assert [database.sqlstate(error) or repr(error) for error in failures] == []
    for person in User.objects.all():
        own = Post.objects.filter(author=person, deleted_at=None, visibility__in=OPEN)
        assert person.post_count == own.count()
    for row in Post.objects.all():
        comments = Post.objects.filter(reply_to=row, deleted_at=None, visibility__in=OPEN)
        assert (row.like_count, row.comment_count) == (Like.objects.filter(post=row).count(), comments.count())
        carried = PostHashtag.objects.filter(post=row).values_list("hashtag__name", flat=True)
        assert sorted(row.hashtags) == sorted(carried)
    told = list(OutboxEvent.objects.values_list("name", flat=True))
    assert told.count("PostLiked") - told.count("PostUnliked") == Like.objects.count()
    assert told.count("PostDeleted") == Post.objects.exclude(deleted_at=None).count()
