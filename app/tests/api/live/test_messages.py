"""Server-sent events, byte by byte."""

from datetime import UTC, datetime

from nexus.api.live import messages
from nexus.domain.notifications.shapes import NotificationShape


def test_the_first_event_tells_the_place_and_a_time_to_wait_that_is_not_the_same_for_all() -> None:
    texts = [messages.hello(41).text.decode().split("\n") for _ in range(50)]
    assert {tuple(text[1:]) for text in texts} == {("id: 41", "event: hello", "data: {}", "", "")}
    waits = {int(text[0].removeprefix("retry: ")) for text in texts}
    assert min(waits) >= 500
    assert max(waits) <= 3000
    assert len(waits) > 25


def test_a_notification_has_its_sequence_as_id_and_its_data_in_one_line() -> None:
    shape = NotificationShape(
        id=7,
        kind="followed",
        actors=(),
        actor_count=0,
        post=None,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        is_read=False,
        sequence=12,
    )
    place, event, data, *end = messages.notification(shape).text.decode().split("\n")
    assert (place, event, end) == ("id: 12", "event: notification", ["", ""])
    assert data.startswith('data: {"id":"7","kind":"followed",')


def test_what_is_no_notification_does_not_move_the_place() -> None:
    for message in (messages.post_gone(3), messages.reconnect(), messages.ended(), messages.HEARTBEAT):
        assert b"id:" not in message.text.split(b"data")[0]
        assert message.text.endswith(b"\n\n")
    assert messages.post_gone(3).text == b'event: post_gone\ndata: {"id":"3"}\n\n'
    assert messages.HEARTBEAT.text.startswith(b":")
