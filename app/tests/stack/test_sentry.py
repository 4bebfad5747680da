"""What Sentry is told of faults in every role: where, and at whose request; and nobody's data."""

import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from haproxy.tests.door import wait_until
from tests.sentry_server import Received
from tests.stack.client import PASSWORD, Person
from tests.stack.sse import Live, Refused
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def author(stack: Stack) -> Person:
    """Whose name stands in nothing but his own requests."""
    return stack.sign_up(f"private_{secrets.token_hex(6)}")


@contextmanager
def without_table(stack: Stack, name: str) -> Iterator[None]:
    """Whoever needs the table fails, in a way that nobody has thought of."""
    _do(stack, f"ALTER TABLE {name} RENAME TO {name}_away")
    try:
        yield
    finally:
        _do(stack, f"ALTER TABLE {name}_away RENAME TO {name}")


def _do(stack: Stack, sql: str) -> None:
    connection = psycopg2.connect(stack.postgres.url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def publish(stack: Stack, author: Person, text: str) -> tuple[int, str]:
    """Status, and the request's id."""
    key = {**author.headers, "Idempotency-Key": str(uuid.uuid4())}
    status, _, headers = stack.call("POST", "/api/v1/posts", {"text": text}, key)
    return status, headers["x-request-id"]


def told(sentry: Received, role: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The report of a role that is meant, as soon as it is there."""

    def found() -> list[dict[str, Any]]:
        return [each for each in sentry.events if each["tags"]["role"] == role and is_it(each)]

    wait_until(lambda: bool(found()), f"a report of {role}")
    return found()[0]


def place_of(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """What every report has."""
    tags = event["tags"]
    return event["transaction"], tags["request_id"], event["release"], event["environment"]


def test_every_role_tells_what_failed_at_whose_request_and_nobodys_data(
    stack: Stack, sentry: Received, author: Person
) -> None:
    word, other = f"word{secrets.token_hex(6)}", f"other{secrets.token_hex(6)}"
    with without_table(stack, "nexus_hashtag"):
        status, request_id = publish(stack, author, f"#{word} and {other}")
    assert status == 500
    event = told(sentry, "web", lambda event: event["tags"].get("request_id") == request_id)
    assert place_of(event) == ("publish_post", request_id, "development", "test")
    assert event["exception"]["values"][-1]["type"] == "ProgrammingError"
    assert event["exception"]["values"][-1]["value"] == 'relation "nexus_hashtag" does not exist'
    assert event["exception"]["values"][-1]["stacktrace"]["frames"]

    mentioned = stack.sign_up(f"mentioned_{secrets.token_hex(6)}")
    with without_table(stack, "nexus_notification"):
        status, request_id = publish(stack, author, f"@{mentioned.handle} {other}")
        assert status == 201
        event = told(sentry, "worker", lambda event: event["tags"].get("request_id") == request_id)
        assert place_of(event) == ("notify_post_mentioned", request_id, "development", "test")
        assert event["exception"]["values"][-1]["value"] == 'relation "nexus_notification" does not exist'

    with without_table(stack, "nexus_inbox"), pytest.raises(Refused) as refused:
        Live(stack.door.port, author.headers, tls=stack.door.client_tls())
    assert refused.value.status == 500
    request_id = refused.value.problem["trace_id"]
    event = told(sentry, "live", lambda event: event["tags"].get("request_id") == request_id)
    assert place_of(event) == ("open_stream", request_id, "development", "test")

    died = f"died-{secrets.token_hex(6)}"
    _do(
        stack,
        "INSERT INTO nexus_delivery (id, reaction, payload, request_id, created_at, due_at, attempts, last_error)"
        f" VALUES ({secrets.randbits(60)}, 'fan_out_post', '{{}}', '{died}', now(), now(), 8, 'KeyError: {other}')",
    )
    event = told(sentry, "relay", lambda event: event["tags"].get("request_id") == died)
    assert event["logentry"]["message"] == "delivery_buried"

    everything = "\n".join(sentry.texts)
    for secret in (word, other, PASSWORD, author.handle, author.token, mentioned.token, "@example.org"):
        assert secret not in everything
    logged = "\n".join(line for line in stack.log_lines() if '"exception"' in line)
    assert 'relation \\"nexus_hashtag\\" does not exist' in logged
    for secret in (word, other, author.handle):
        assert secret not in logged
