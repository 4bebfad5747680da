"""edit_post."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from nexus.domain.posts.models import Hashtag, Post, PostHashtag
from nexus.domain.posts.operations import edit_post
from nexus.domain.posts.queries import post
from nexus.domain.posts.shapes import Mention, PostFlags
from nexus.kernel.errors import Forbidden, InvalidInput, NotAuthenticated, NotFound, PreconditionFailed
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def events() -> list[tuple[str, dict[str, int]]]:
    return list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))


def test_a_new_text_makes_a_new_version_in_four_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada = make.user()
    row = make.post(ada, text="Helo", content_warning="typo", visibility="unlisted")
    make.like(ada, row)
    with django_assert_num_queries(4):
        shown = edit_post(actor=make.viewer(ada), post_id=row.pk, text="Hello")
    assert (shown.text, shown.content_warning, shown.visibility) == ("Hello", "typo", "unlisted")
    assert (shown.version, shown.like_count, shown.viewer) == (2, 1, PostFlags(is_liked=True))
    assert shown.edited_at is not None
    assert shown.edited_at > shown.created_at
    assert post(viewer=make.viewer(ada), post_id=row.pk) == shown
    assert events() == [("PostEdited", {"post_id": row.pk})]


def test_hashtags_and_mentions_become_those_of_the_new_text() -> None:
    ada, ben, cleo = make.user(), make.user(handle="ben"), make.user(handle="cleo")
    row = make.post(ada, text="#old #kept @ben", hashtags=["old", "kept"], mentions=[ben])
    shown = edit_post(actor=make.viewer(ada), post_id=row.pk, text="#kept #new @cleo")
    assert (shown.hashtags, shown.mentions) == (("kept", "new"), (Mention(cleo.pk, "cleo"),))
    assert set(PostHashtag.objects.filter(post=row).values_list("hashtag__name", flat=True)) == {"kept", "new"}


def test_who_is_no_longer_mentioned_no_longer_sees_a_post_for_the_mentioned() -> None:
    ada, ben = make.user(), make.user(handle="ben")
    row = make.post(ada, text="@ben", mentions=[ben], visibility="mentioned")
    edit_post(actor=make.viewer(ada), post_id=row.pk, text="nobody")
    with pytest.raises(NotFound):
        post(viewer=make.viewer(ben), post_id=row.pk)


def test_a_content_warning_alone_leaves_the_text_and_its_mentions_as_they_were() -> None:
    ada, ben = make.user(), make.user(handle="ben")
    row = make.post(ada, text="Hi @ben #tea", mentions=[ben], hashtags=["tea"])
    ben.is_active = False
    ben.save()
    shown = edit_post(actor=make.viewer(ada), post_id=row.pk, content_warning="tea")
    assert (shown.text, shown.content_warning, shown.version, shown.hashtags) == ("Hi @ben #tea", "tea", 2, ("tea",))
    assert Post.objects.get().mention_ids == [ben.pk]
    assert edit_post(actor=make.viewer(ada), post_id=row.pk, content_warning="").content_warning == ""


def test_the_same_again_is_no_new_version_and_no_event() -> None:
    ada = make.user()
    row = make.post(ada, text="Café", content_warning="cw")
    same: list[dict[str, Any]] = [
        {},
        {"text": "Cafe\u0301"},
        {"content_warning": "cw"},
        {"text": "Café", "content_warning": "cw"},
    ]
    for changes in same:
        shown = edit_post(actor=make.viewer(ada), post_id=row.pk, **changes)
        assert (shown.version, shown.edited_at) == (1, None)
    assert events() == []


def test_only_the_current_version_can_be_edited_and_a_like_is_no_new_version() -> None:
    ada = make.user()
    row = make.post(ada, text="one")
    make.like(make.user(), row)
    assert edit_post(actor=make.viewer(ada), post_id=row.pk, text="two", version=1).version == 2
    for stale in (0, 1, 3):
        with pytest.raises(PreconditionFailed):
            edit_post(actor=make.viewer(ada), post_id=row.pk, text="three", version=stale)
    assert Post.objects.get().text == "two"
    assert len(events()) == 1


@pytest.mark.parametrize("role", ["user", "moderator", "admin"])
def test_others_are_told_apart_by_what_they_may_see(role: str) -> None:
    other = make.viewer(make.user(role=role))
    seen, hidden = make.post(text="seen"), make.post(text="hidden", visibility="followers")
    with pytest.raises(Forbidden):
        edit_post(actor=other, post_id=seen.pk, text="#mine")
    with pytest.raises(NotFound):
        edit_post(actor=other, post_id=hidden.pk, text="#mine")
    with pytest.raises(NotFound):
        edit_post(actor=other, post_id=1, text="#mine")
    with pytest.raises(NotAuthenticated):
        edit_post(actor=ANONYMOUS, post_id=seen.pk, text="#mine")
    assert set(Post.objects.values_list("text", "version")) == {("seen", 1), ("hidden", 1)}
    assert not Hashtag.objects.exists()
    assert events() == []


def test_an_edited_text_follows_the_rules_of_a_new_one() -> None:
    ada = make.user()
    row = make.post(ada, text="fine")
    with pytest.raises(InvalidInput) as refusal:
        edit_post(actor=make.viewer(ada), post_id=row.pk, text=" ", content_warning="x" * 201)
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        ("/content_warning", "too_long"),
        ("/text", "blank"),
    ]
    assert Post.objects.get().text == "fine"


@pytest.mark.django_db(transaction=True)
def test_of_many_edits_of_one_version_one_wins() -> None:
    ada = make.user()
    row = make.post(ada, text="start")
    start = threading.Barrier(6)

    def edit(number: int) -> bool:
        try:
            start.wait()
            edit_post(actor=make.viewer(ada), post_id=row.pk, text=f"#tag{number}", version=1)
        except PreconditionFailed:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(edit, range(6)))
    assert won.count(True) == 1
    winner = f"tag{won.index(True)}"
    after = Post.objects.get()
    assert (after.version, after.hashtags) == (2, [winner])
    assert list(PostHashtag.objects.values_list("hashtag__name", flat=True)) == [winner]
    assert len(events()) == 1
