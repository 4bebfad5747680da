"""The status page through HAProxy: what users got is on it, and it is there when nothing else is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from haproxy.tests.door import wait_until
from tests.stack.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.slow]

# HAProxy keeps an answer for 15 s, but none for somebody with a login.
PAST_THE_CACHE = {"Authorization": "Bearer nobody"}


def status(stack: Stack) -> dict[str, Any]:
    code, answer, _ = stack.call("GET", "/api/v1/status", headers=PAST_THE_CACHE)
    assert code == 200
    return dict(answer)


def states(stack: Stack) -> dict[str, str]:
    return {each["name"]: each["state"] for each in status(stack)["components"]}


def share(stack: Stack, objective: str) -> float | None:
    """Of today."""
    return next((each["days"][-1] for each in status(stack)["objectives"] if each["name"] == objective), None)


def answered(stack: Stack) -> int:
    """By REST today, of what had been answered when this began: the relay has looked at the meter since."""
    begun = datetime.now(UTC) + timedelta(seconds=1)  # a line of the log is read a moment after its answer
    since = "SELECT max(looked_at) > %s FROM nexus_statussource WHERE starts_with(name, 'meter')"
    wait_until(lambda: stack.rows(since, begun) == [(True,)], "the relay to look", seconds=90)
    return int(stack.rows("SELECT sum(good) FROM nexus_statusday WHERE objective = 'rest-availability'")[0][0])


def all_say(stack: Stack, component: str, state: str) -> bool:
    """Whether every process of every replica, which knows for itself, says so."""
    return {states(stack)[component] for _ in range(30)} == {state}


def test_what_users_get_is_counted_at_the_door_and_shown(stack: Stack) -> None:
    stack.rows("DELETE FROM nexus_statusminute RETURNING 1")  # of the faults that other tests made
    for _ in range(20):
        assert stack.call("GET", "/api/v1/timelines/public")[0] == 200
    wait_until(lambda: share(stack, "rest-availability") is not None, "the first share of today", seconds=90)
    wait_until(lambda: set(states(stack).values()) == {"operational"}, "everything to be well", seconds=90)
    before = answered(stack)
    for _ in range(30):
        stack.call("GET", "/api/v1/status")  # says nothing of what people came for
    stack.call("GET", "/api/v1/timelines/public")
    assert answered(stack) == before + 1


def test_with_postgres_and_redis_stopped_it_answers_and_says_what_is_down(stack: Stack) -> None:
    wait_until(lambda: all_say(stack, "database", "operational"), "the database to be known", seconds=60)
    stack.postgres.stop()
    stack.redis.stop()
    try:
        wait_until(lambda: all_say(stack, "database", "down"), "the database to be known as down", seconds=60)
        wait_until(lambda: all_say(stack, "cache", "down"), "the cache to be known as down", seconds=60)
        found = [status(stack) for _ in range(30)]
        assert {each["state"] for each in found} == {"down"}
        # The last copy, with its time; a process that was started meanwhile has none.
        kept = [each for each in found if each["history_at"] is not None]
        assert kept
        assert all(each["objectives"] for each in kept)
        with httpx.Client(base_url=stack.door.url, verify=stack.door.client_tls(), timeout=15) as client:
            pages = [client.get("/status?past-the-cache") for _ in range(20)]
            assert {page.status_code for page in pages} == {200}
            assert "Nexus is down" in pages[-1].text
            assert {client.get("/status").status_code for _ in range(20)} == {200}
    finally:
        stack.redis.start()
        stack.postgres.start()
    wait_until(lambda: all_say(stack, "database", "operational"), "the database to be back", seconds=60)
