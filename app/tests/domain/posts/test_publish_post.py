"""publish_post."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Hashtag, Post, PostHashtag, Visibility
from nexus.domain.posts.operations import publish_post
from nexus.domain.posts.queries import post
from nexus.domain.posts.shapes import Mention, PostFlags
from nexus.domain.users.models import User
from nexus.kernel.errors import InvalidInput, NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def post_count(person: User) -> int:
    return int(User.objects.get(pk=person.pk).post_count)


def comment_count(row: Post) -> int:
    return Post.objects.get(pk=row.pk).comment_count


def test_a_post_is_shown_as_it_will_be_read_counted_and_told_in_four_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ada = make.user(handle="ada")
    with django_assert_num_queries(4):
        shown = publish_post(actor=make.viewer(ada), text="Good morning", content_warning="early")
    assert shown.author is not None
    assert (shown.author.handle, shown.author.post_count) == ("ada", 1)
    assert (shown.text, shown.content_warning, shown.visibility) == ("Good morning", "early", "public")
    assert (shown.like_count, shown.comment_count, shown.version) == (0, 0, 1)
    assert (shown.reply_to_id, shown.edited_at, shown.is_deleted) == (None, None, False)
    assert shown.viewer == PostFlags(is_liked=False)
    assert post(viewer=make.viewer(ada), post_id=shown.id) == shown
    assert Post.objects.get().root_id == shown.id
    assert events() == [("PostPublished", {"post_id": shown.id})]


def test_a_comment_counts_for_its_post_and_belongs_to_its_thread(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    root = make.post()
    first, actor = make.post(reply_to=root), make.viewer(make.user())
    with django_assert_num_queries(6):
        shown = publish_post(actor=actor, text="Me too", reply_to_id=first.pk)
    assert shown.reply_to_id == first.pk
    assert Post.objects.get(pk=shown.id).root_id == root.pk
    assert (comment_count(first), comment_count(root)) == (1, 1)


def test_hashtags_and_mentions_are_read_once_in_three_statements_more(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ben, cleo = make.user(handle="ben"), make.user(handle="cleo")
    Hashtag.objects.create(name="tea")
    author = make.user()
    with django_assert_num_queries(4 + 1 + 1 + 1):  # the hashtags' ids, the post's hashtags, the people named
        shown = publish_post(actor=make.viewer(author), text="#Tea with @Cleo and @ben? #TEA @cleo")
    assert shown.hashtags == ("tea",)
    assert shown.mentions == (Mention(cleo.pk, "cleo"), Mention(ben.pk, "ben"))
    row = Post.objects.get()
    assert (row.hashtags, row.mention_ids) == (["tea"], [cleo.pk, ben.pk])
    assert list(PostHashtag.objects.values_list("hashtag__name", "post_id")) == [("tea", shown.id)]


def test_a_new_hashtag_is_made_by_the_first_post_that_carries_it(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    actor = make.viewer(make.user())
    with django_assert_num_queries(4 + 1 + 1 + 1):  # ids, the new ones, the post's hashtags
        publish_post(actor=actor, text="#zebra #apple")
    publish_post(actor=make.viewer(make.user()), text="#apple #mango")
    assert sorted(Hashtag.objects.values_list("name", flat=True)) == ["apple", "mango", "zebra"]
    assert PostHashtag.objects.filter(hashtag__name="apple").count() == 2


def test_only_people_whom_the_author_may_see_are_mentioned() -> None:
    author, blocked, blocker = make.user(), make.user(handle="blocked"), make.user(handle="blocker")
    make.user(handle="gone", is_active=False)
    make.block(author, blocked)
    make.block(blocker, author)
    shown = publish_post(actor=make.viewer(author), text="@blocked @blocker @gone @unknown", visibility="mentioned")
    assert shown.mentions == ()
    assert Post.objects.get().mention_ids == []


@pytest.mark.parametrize(
    ("visibility", "counted"), [("public", 1), ("unlisted", 1), ("followers", 0), ("mentioned", 0)]
)
def test_public_numbers_do_not_tell_of_hidden_posts(visibility: str, counted: int) -> None:
    author, root = make.user(), make.post()
    shown = publish_post(actor=make.viewer(author), text="Psst", visibility=visibility, reply_to_id=root.pk)
    assert shown.visibility == visibility
    assert post_count(author) == counted
    assert comment_count(root) == counted
    assert events() == [("PostPublished", {"post_id": shown.id})]


def test_what_the_author_may_not_see_cannot_be_answered() -> None:
    author, blocker = make.user(), make.user()
    make.block(blocker, author)
    hidden = [make.post(visibility="followers"), make.post(blocker), make.post(make.user(is_active=False))]
    for post_id in (*(row.pk for row in hidden), 1):
        with pytest.raises(NotFound):
            publish_post(actor=make.viewer(author), text="Hello?", reply_to_id=post_id)
    assert Post.objects.count() == len(hidden)
    assert [comment_count(row) for row in hidden] == [0, 0, 0]
    assert post_count(author) == 0
    assert events() == []


def test_a_follower_answers_a_post_for_followers_with_the_visibility_of_his_choice() -> None:
    author, follower = make.user(), make.user()
    make.follow(follower, author)
    root = make.post(author, visibility="followers")
    assert publish_post(actor=make.viewer(follower), text="Nice", reply_to_id=root.pk).visibility == "public"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"text": ""}, [("/text", "blank")]),
        ({"text": " \n\u200b"}, [("/text", "blank")]),
        ({"text": "a" * 5001}, [("/text", "too_long")]),
        ({"text": "a\x00"}, [("/text", "control_character")]),
        ({"text": "\ud800"}, [("/text", "control_character")]),
        ({"text": " ".join(f"#tag{n}" for n in range(101))}, [("/text", "too_many_hashtags")]),
        ({"text": " ".join(f"@user{n}" for n in range(101))}, [("/text", "too_many_mentions")]),
        ({"text": "a", "visibility": "secret"}, [("/visibility", "not_a_choice")]),
        ({"text": "a", "content_warning": "a" * 201}, [("/content_warning", "too_long")]),
        (
            {"text": "", "visibility": "x", "content_warning": "two\nlines"},
            [("/content_warning", "control_character"), ("/visibility", "not_a_choice"), ("/text", "blank")],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(fields: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    author = make.user()
    with pytest.raises(InvalidInput) as refusal:
        publish_post(actor=make.viewer(author), **fields)
    assert [(error.pointer, error.code) for error in refusal.value.errors] == errors
    assert not Post.objects.exists()
    assert not Hashtag.objects.exists()
    assert events() == []


def test_the_longest_text_and_every_visibility_are_taken() -> None:
    author = make.user()
    for visibility in Visibility.values:
        shown = publish_post(
            actor=make.viewer(author), text="😀" * 5000, visibility=visibility, content_warning="x" * 200
        )
        assert len(shown.text) == 5000


def test_nobody_and_the_deactivated_cannot_publish() -> None:
    gone = make.user(is_active=False)
    for actor in (ANONYMOUS, make.viewer(gone)):
        with pytest.raises(NotAuthenticated):
            publish_post(actor=actor, text="Hello")
    assert not Post.objects.exists()
    assert post_count(gone) == 0
    assert events() == []


@pytest.mark.django_db(transaction=True)
def test_counters_and_hashtags_are_right_when_many_publish_at_once() -> None:
    author, root = make.user(), make.post()
    start = threading.Barrier(8)

    def publish(number: int) -> None:
        try:
            start.wait()
            for turn in range(5):
                tags = [f"#tag{(number + turn + n) % 8}" for n in range(6)]
                publish_post(
                    actor=make.viewer(author), text=" ".join(tags if number % 2 else tags[::-1]), reply_to_id=root.pk
                )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))
    assert post_count(author) == 40
    assert comment_count(root) == 40
    assert sorted(Hashtag.objects.values_list("name", flat=True)) == [f"tag{n}" for n in range(8)]
    assert PostHashtag.objects.count() == 240
    assert len(events()) == 40
