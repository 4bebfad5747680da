"""Marking notifications as read."""

import pytest

from nexus.domain.notifications import operations
from nexus.domain.notifications.operations import mark_notifications_read
from nexus.domain.notifications.queries import notifications
from nexus.domain.users.models import User
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.pages import PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests.factories import post, user, viewer

pytestmark = pytest.mark.django_db


def reader_of(count: int) -> User:
    reader = user()
    for _ in range(count):
        operations.notify_post_mentioned(post_id=post(mentions=[reader]).id)
    return reader


def test_nobody_can_mark_anything() -> None:
    with pytest.raises(NotAuthenticated):
        mark_notifications_read(actor=ANONYMOUS)


def test_all_are_read_and_nobody_elses() -> None:
    reader, other = reader_of(3), reader_of(1)
    assert mark_notifications_read(actor=viewer(reader)) == 0
    assert [line.is_read for line in notifications(viewer=viewer(other), page=PageRequest()).items] == [False]


def test_up_to_one_of_them_leaves_what_is_newer() -> None:
    reader = reader_of(3)
    _, middle, _ = notifications(viewer=viewer(reader), page=PageRequest()).items
    assert mark_notifications_read(actor=viewer(reader), up_to_id=middle.id) == 1
    assert [line.is_read for line in notifications(viewer=viewer(reader), page=PageRequest()).items] == [
        False,
        True,
        True,
    ]


def test_up_to_somebody_elses_marks_nothing() -> None:
    reader, other = reader_of(1), reader_of(1)
    (foreign,) = notifications(viewer=viewer(other), page=PageRequest()).items
    assert mark_notifications_read(actor=viewer(reader), up_to_id=foreign.id) == 1
