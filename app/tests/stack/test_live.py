"""The live stream through HAProxy: whatever is killed, every notification arrives once and in order."""

import os
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from tests.stack.client import Person
from tests.stack.sse import Event, Live, Refused
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

# One reaction of a thousand posts, as the relay would have made it of their events.
MENTIONS = """
WITH next AS (
  SELECT max(id) + n AS id, author_id, n FROM nexus_post CROSS JOIN generate_series(1, %s) AS n
  WHERE author_id = %s GROUP BY author_id, n
), written AS (
  INSERT INTO nexus_post (id, author_id, text, content_warning, visibility, root_id, hashtags, mention_ids, like_count,
                          comment_count, created_at, version)
  SELECT id, author_id, 'number ' || n, '', 'public', id, '{}', ARRAY[%s]::bigint[], 0, 0, now(), 1 FROM next
  RETURNING id
)
INSERT INTO nexus_delivery (id, reaction, payload, request_id, created_at, due_at, attempts, last_error)
SELECT id, 'notify_post_mentioned', jsonb_build_object('post_id', id), '', now(), now(), 0, '' FROM written
RETURNING payload->>'post_id'
"""


def somebody(stack: Stack, name: str) -> Person:
    return stack.sign_up(f"{name}_{uuid.uuid4().hex[:8]}")


def keyed(person: Person) -> dict[str, str]:
    return {**person.headers, "Idempotency-Key": str(uuid.uuid4())}


def publish(stack: Stack, author: Person, text: str) -> str:
    """The id of a new post."""
    status, post, _ = stack.call("POST", "/api/v1/posts", {"text": text}, keyed(author))
    assert status == 201, post
    return str(post["id"])


def mention(stack: Stack, author: Person, reader: Person) -> str:
    """The id of a new post that gives the reader one notification."""
    return publish(stack, author, f"Hello @{reader.handle} {uuid.uuid4()}")


def live(stack: Stack, person: Person, *, last_event_id: str | None = None, posts: str = "") -> Live:
    """A stream through HAProxy; waits for a replica that takes one."""
    tls, deadline = stack.door.client_tls(), time.monotonic() + 30
    while True:
        try:
            return Live(stack.door.port, person.headers, posts=posts, last_event_id=last_event_id, tls=tls)
        except Refused as refusal:
            if refusal.status not in (502, 503, 504) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def live_processes(stack: Stack) -> list[Path]:
    """What live runs: the process with the streams and the one that serves the metrics."""
    master = stack.live.pid
    return [Path("/proc", pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def live_threads(stack: Stack) -> int:
    return sum(len(list((process / "task").iterdir())) for process in live_processes(stack))


def database_connections_of_live(stack: Stack) -> int:
    """How many of Postgres' sessions have their other end in live."""
    ends = {f"socket:[{row[9]}]": int(row[1].partition(":")[2], 16) for row in tcp_sockets()}
    files = [os.readlink(file) for process in live_processes(stack) for file in (process / "fd").iterdir()]
    ports = [ends[file] for file in files if file in ends]
    ((count,),) = stack.rows("SELECT count(*) FROM pg_stat_activity WHERE client_port = ANY(%s)", ports)
    return int(count)


def tcp_sockets() -> list[list[str]]:
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def streams_open(stack: Stack) -> int:
    with urllib.request.urlopen(stack.live.metrics, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("nexus_live_streams")))


@contextmanager
def restarted(stack: Stack) -> Iterator[None]:
    """What happens inside leaves the live process dead; it is started again."""
    try:
        yield
    finally:
        stack.live.start()
        wait_until(lambda: stack.door.states("live")["live1"] == "UP", "the live process behind the door")


def posts_of(events: list[Event]) -> list[str]:
    return [event.data["post"]["id"] for event in events if event.name == "notification"]


def test_each_of_1000_notifications_arrives_once_although_the_live_process_is_killed_twice(stack: Stack) -> None:
    author, reader = somebody(stack, "author"), somebody(stack, "reader")
    publish(stack, author, "number 0")
    kill_at = [300, 600]
    stream = live(stack, reader)
    received = stream.until(lambda event: event.name == "hello")
    prepared = {post for (post,) in stack.rows(MENTIONS, 1000, int(author.id), int(reader.id))}
    deadline = time.monotonic() + 120
    while len(posts_of(received)) < 1000:
        assert time.monotonic() < deadline, f"{len(posts_of(received))} have arrived"
        for event in stream:
            received.append(event)
            if kill_at and len(posts_of(received)) >= kill_at[0]:
                kill_at.pop(0)
                with restarted(stack):
                    stack.live.kill()
            if len(posts_of(received)) >= 1000:
                break
        else:
            stream = live(stack, reader, last_event_id=stream.last_event_id)
    stream.close()
    assert kill_at == []
    assert sorted(posts_of(received)) == sorted(prepared)
    places = [int(event.id or 0) for event in received if event.name == "notification"]
    assert places == sorted(set(places))


def test_a_stopping_server_says_reconnect_and_stops_at_once(stack: Stack) -> None:
    author, reader = somebody(stack, "author"), somebody(stack, "reader")
    stream = live(stack, reader)
    stream.until_named("hello")
    begun = time.monotonic()
    with restarted(stack):
        stopping = threading.Thread(target=stack.live.stop)
        stopping.start()
        assert [event.name for event in stream] == ["reconnect"]
        stopping.join()
    seconds = time.monotonic() - begun
    assert 500 <= (stream.retry_ms or 0) <= 3000
    assert seconds < 15, "the streams held up the end"
    post = mention(stack, author, reader)
    with live(stack, reader, last_event_id=stream.last_event_id) as again:
        assert posts_of([again.until_named("notification")]) == [post]


def test_50_streams_hold_no_connection_to_the_database_and_no_thread_and_are_freed(stack: Stack) -> None:
    reader, others = somebody(stack, "reader"), [somebody(stack, "reader") for _ in range(4)]
    wait_until(lambda: streams_open(stack) == 0, "the streams of other tests to be freed")
    with ExitStack() as streams:
        for number in range(50):
            stream = streams.enter_context(live(stack, [reader, *others][number % 5]))
            stream.until_named("hello")
        assert streams_open(stack) == 50
        assert 1 <= database_connections_of_live(stack) <= 4
        assert live_threads(stack) < 15
    wait_until(lambda: streams_open(stack) == 0, "the streams to be freed", seconds=5)


def test_streams_catch_up_after_redis_was_away(stack: Stack) -> None:
    author, reader = somebody(stack, "author"), somebody(stack, "reader")
    with live(stack, reader) as stream:
        stream.until_named("hello")
        stack.redis.kill()
        try:
            post = mention(stack, author, reader)
            with live(stack, reader) as opened_without_redis:
                opened_without_redis.until_named("hello")
        finally:
            stack.redis.start()
        assert posts_of([stream.until_named("notification", seconds=90)]) == [post]
        another = mention(stack, author, reader)
        assert posts_of([stream.until_named("notification")]) == [another]


def test_a_live_process_that_starts_while_redis_is_away_serves_and_hears_when_it_is_back(stack: Stack) -> None:
    author, reader = somebody(stack, "author"), somebody(stack, "reader")
    stack.redis.kill()
    try:
        with restarted(stack):
            stack.live.kill()
        stream = live(stack, reader)
        stream.until_named("hello")
    finally:
        stack.redis.start()
    with stream:
        post = mention(stack, author, reader)
        assert posts_of([stream.until_named("notification", seconds=90)]) == [post]


def test_streams_go_on_after_postgres_was_restarted(stack: Stack) -> None:
    author, reader = somebody(stack, "author"), somebody(stack, "reader")
    with live(stack, reader) as stream:
        stream.until_named("hello")
        stack.postgres.stop()
        stack.postgres.start()
        wait_until(lambda: stack.call("GET", "/api/v1/timelines/public")[0] == 200, "Postgres to be used again")
        post = mention(stack, author, reader)
        assert posts_of([stream.until_named("notification", seconds=60)]) == [post]
