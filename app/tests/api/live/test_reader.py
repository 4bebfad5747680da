"""What one stream has been sent, whatever the database does."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import DatabaseError, connection

from nexus.api.live.reader import Reader
from nexus.domain.notifications.operations import notify_user_followed
from nexus.kernel import live
from tests.factories import follow, post, user, viewer


@pytest.mark.django_db(transaction=True)
def test_what_was_read_before_the_database_went_away_is_read_again() -> None:
    follower, recipient, on_screen = user(), user(), post()
    follow(follower, recipient)
    notify_user_followed(follower_id=follower.id, followee_id=recipient.id)
    reader = Reader(lambda: viewer(recipient), [on_screen.id], place=0)
    changed = {live.user_channel(recipient.id), live.post_channel(on_screen.id)}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE nexus_post RENAME COLUMN content_warning TO away")
        try:
            with pytest.raises(DatabaseError):  # of the posts: the notifications have been read by then
                reader.read(changed)
        finally:
            cursor.execute("ALTER TABLE nexus_post RENAME COLUMN away TO content_warning")
    assert [message.kind for message in reader.read(changed).messages] == ["notification", "post"]
    assert reader.read(changed).messages == ()


@pytest.mark.django_db
def test_when_nothing_is_new_one_statement_says_so(
    django_assert_num_queries: Callable[..., AbstractContextManager[object]],
) -> None:
    recipient = user()
    reader = Reader(lambda: viewer(recipient), [], place=0)
    with django_assert_num_queries(1):
        assert reader.read({live.user_channel(recipient.id)}).messages == ()
