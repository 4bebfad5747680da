"""How many notifications are unread."""

import pytest

from nexus.domain.graph.operations import block_user
from nexus.domain.notifications import operations
from nexus.domain.notifications.queries import unread_count
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS
from tests.factories import post, user, viewer

pytestmark = pytest.mark.django_db


def test_nobody_has_no_count() -> None:
    with pytest.raises(NotAuthenticated):
        unread_count(viewer=ANONYMOUS)


def test_it_counts_what_the_list_shows() -> None:
    reader, rude = user(), user()
    for author in (rude, user(), user()):
        operations.notify_post_mentioned(post_id=post(author, mentions=[reader]).id)
    assert unread_count(viewer=viewer(reader)) == 3
    block_user(actor=viewer(reader), user_id=rude.id)
    assert unread_count(viewer=viewer(reader)) == 2


def test_counting_stops_at_a_hundred() -> None:
    reader, author = user(), user()
    for _ in range(103):
        operations.notify_post_mentioned(post_id=post(author, mentions=[reader]).id)
    assert unread_count(viewer=viewer(reader)) == 100
