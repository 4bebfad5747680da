"""Answers that are kept for seconds."""

import dataclasses
import os

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from nexus.kernel import caches, redis

pytestmark = pytest.mark.django_db


class Source:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


def remembered(source: Source, variant: str = "20", *, is_current: bool = True) -> int:
    return caches.remembered("list:a", variant, source, seconds=5, is_current=lambda _: is_current)


def keys() -> list[str]:
    return sorted(key.decode() for key in redis.client().keys("cache:*") if isinstance(key, bytes))


def test_an_answer_is_kept_for_its_variant_and_for_seconds() -> None:
    source = Source()
    assert [remembered(source), remembered(source), remembered(source, "5"), remembered(source)] == [1, 1, 2, 1]
    assert 0 < int(redis.client().ttl("cache:{list:a}:20")) <= 5


def test_none_is_an_answer_too() -> None:
    asked = []
    for _ in range(2):
        caches.remembered("list:a", "", lambda: asked.append(1), seconds=5, is_current=lambda _: True)
    assert asked == [1]


def test_what_is_not_current_is_made_anew() -> None:
    source = Source()
    assert [remembered(source), remembered(source, is_current=False), remembered(source)] == [1, 2, 2]


def test_what_is_abandoned_is_made_anew_after_the_commit_and_not_before(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    source = Source()
    remembered(source)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        caches.abandon("list:a", "list:b")
        assert remembered(source) == 1
    assert remembered(source) == 2
    assert remembered(source) == 2


def test_what_was_computed_before_it_was_abandoned_is_not_kept(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    source = Source()

    def slow() -> int:
        with django_capture_on_commit_callbacks(execute=True):
            caches.abandon("list:a")
        return source()

    assert caches.remembered("list:a", "20", slow, seconds=5, is_current=lambda _: True) == 1
    assert remembered(source) == 2


def test_what_nobody_here_has_signed_is_not_opened() -> None:
    source = Source()
    remembered(source)
    kept = redis.client().get("cache:{list:a}:20")
    assert isinstance(kept, bytes)
    redis.client().set("cache:{list:a}:20", os.urandom(16) + kept[16:])
    assert remembered(source) == 2


def test_another_release_does_not_open_it(settings: Settings) -> None:
    source = Source()
    remembered(source)
    settings.NEXUS = dataclasses.replace(settings.NEXUS, release="next")
    assert remembered(source) == 2


def test_where_redis_is_switched_off_nothing_is_kept(settings: Settings) -> None:
    source = Source()
    remembered(source)
    settings.NEXUS = dataclasses.replace(settings.NEXUS, redis_url="")
    assert [remembered(source), remembered(source)] == [2, 3]
    assert keys() == ["cache:{list:a}:20"]
