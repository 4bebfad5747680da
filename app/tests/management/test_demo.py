"""`manage.py demo`."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import F
from pytest_django import DjangoDbBlocker

from nexus.domain.graph.models import Follow
from nexus.domain.identity.operations import log_in
from nexus.domain.notifications.queries import notifications, unread_count
from nexus.domain.posts.models import OPEN, Like, Post, PostHashtag
from nexus.domain.timelines.queries import hashtag_timeline, home_timeline, public_timeline
from nexus.domain.users.models import User
from nexus.kernel import clock
from nexus.kernel.ids import made_at
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def demo() -> dict[str, Any]:
    out = StringIO()
    call_command("demo", json=True, stdout=out)
    accounts: dict[str, Any] = json.loads(out.getvalue())
    return accounts


@pytest.fixture(scope="class")
def _community(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Loaded once for the tests of a class."""
    with django_db_blocker.unblock():
        demo()
        yield
        call_command("flush", interactive=False, verbosity=0)


@pytest.mark.usefixtures("_community")
class TestCommunity:
    def test_it_has_the_size_of_a_village_and_lies_in_the_past(self) -> None:
        assert User.objects.count() == 31
        assert Post.objects.count() == 382
        assert Post.objects.filter(reply_to=None).count() == 91
        assert Post.objects.exclude(reply_to=None).filter(id__lt=F("reply_to_id")).count() == 0
        assert 200 < Follow.objects.count() < 600
        assert 500 < Like.objects.count() < 3_000
        newest = Post.objects.latest("id")
        assert newest.created_at < clock.now()
        assert (clock.now() - newest.created_at).days == 0
        assert (clock.now() - Post.objects.earliest("id").created_at).days > 28

    def test_every_id_was_made_when_its_row_was(self) -> None:
        for model in (User, Post, Follow, Like):
            for row in model._default_manager.all():
                assert abs((made_at(row.pk) - row.created_at).total_seconds()) < 0.01

    def test_every_counter_is_right(self) -> None:
        for user in User.objects.all():
            assert user.follower_count == Follow.objects.filter(followee=user).count()
            assert user.following_count == Follow.objects.filter(follower=user).count()
            assert user.post_count == Post.objects.filter(author=user, visibility__in=OPEN).count()
        for post in Post.objects.all():
            assert post.like_count == Like.objects.filter(post=post).count()
            assert post.comment_count == Post.objects.filter(reply_to=post, visibility__in=OPEN).count()

    def test_hashtags_lead_to_their_posts(self) -> None:
        carried = {name for post in Post.objects.all() for name in post.hashtags}
        assert {"garden", "編み物", "茶", "sea"} <= carried
        assert PostHashtag.objects.count() == sum(len(post.hashtags) for post in Post.objects.all())
        page = hashtag_timeline(viewer=ANONYMOUS, hashtag="Garden", page=PageRequest())
        assert all("garden" in item.post.hashtags for item in page.items)

    def test_nobody_likes_what_they_cannot_see(self) -> None:
        for like in Like.objects.select_related("post"):
            assert Post.objects.filter(pk=like.post_id).visible_to(like.user_id).exists()

    def test_alice_has_something_to_read_and_some_news(self) -> None:
        alice = make.viewer(User.objects.get(handle="alice"))
        assert len(home_timeline(viewer=alice, page=PageRequest(limit=50)).items) == 50
        assert len(public_timeline(viewer=ANONYMOUS, page=PageRequest(limit=50)).items) == 50
        news = notifications(viewer=alice, page=PageRequest(limit=50)).items
        assert {each.kind for each in news} == {"followed", "liked", "mentioned", "replied"}
        assert [each.created_at for each in news] == sorted((each.created_at for each in news), reverse=True)
        assert 0 < unread_count(viewer=alice) < len(news)

    def test_no_worker_has_to_do_it_all_again(self) -> None:
        assert not OutboxEvent.objects.exists()

    def test_the_accounts_that_it_tells_can_log_in(self) -> None:
        accounts = demo()["accounts"]
        assert [(each["handle"], each["role"]) for each in accounts] == [
            ("alice", "user"),
            ("bob", "user"),
            ("operator", "admin"),
        ]
        for each in accounts:
            assert log_in(actor=ANONYMOUS, login=each["handle"], password=each["password"]).access_token
        assert User.objects.get(handle="operator").is_staff

    def test_a_second_time_changes_nothing_and_is_fast(self) -> None:
        before = list(Post.objects.order_by("id").values_list("id", "like_count"))
        started = time.monotonic()
        demo()
        assert time.monotonic() - started < 0.5
        assert list(Post.objects.order_by("id").values_list("id", "like_count")) == before


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_it_refuses_where_its_public_passwords_would_be_a_door(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "NEXUS", replace(settings.NEXUS, environment=environment))
    with pytest.raises(CommandError, match="everybody knows its passwords"):
        demo()
    assert not User.objects.exists()
