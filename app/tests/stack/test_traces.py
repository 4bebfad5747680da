"""One trace from the door to the worker and to the streams, as a real collector gets it; and nobody's data in it."""

import json
import secrets
import uuid

import pytest

from haproxy.tests.door import wait_until
from tests.collector import Collector, Received
from tests.stack.client import PASSWORD
from tests.stack.sse import Live
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def recorded() -> tuple[str, dict[str, str]]:
    """A trace that somebody outside has begun and wants to be recorded: its id, and the header."""
    trace_id = secrets.token_hex(16)
    return trace_id, {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}


def chain(spans: list[Received], last: Received) -> list[tuple[str, str]]:
    """Service and name of a span's ancestors and itself, the oldest first."""
    by_id = {span.span_id: span for span in spans}
    found = [last]
    while found[0].parent_id in by_id:
        found.insert(0, by_id[found[0].parent_id])
    return [(span.service, span.name) for span in found]


def is_whole(spans: list[Received]) -> bool:
    """Whether every span's causes are known, up to the door."""
    return {chain(spans, span)[0] for span in spans} == {("nexus-proxy", "proxy")}


def test_a_post_is_one_trace_from_the_door_to_who_reads_it_live(stack: Stack, collector: Collector) -> None:
    author, reader = (stack.sign_up(f"traced_{secrets.token_hex(4)}") for _ in range(2))
    trace_id, header = recorded()
    key = {**author.headers, "Idempotency-Key": str(uuid.uuid4())}
    with Live(stack.door.port, reader.headers, tls=stack.door.client_tls()) as stream:
        events = iter(stream)
        assert next(events).name == "hello"
        status, _, answered = stack.call("POST", "/api/v1/posts", {"text": f"@{reader.handle}"}, {**key, **header})
        assert status == 201
        assert next(events).name == "notification"
    services = {f"nexus-{role}" for role in ("proxy", "web", "relay", "worker", "live")}
    wait_until(lambda: {span.service for span in collector.of(trace_id)} == services, "spans of every role")
    wait_until(lambda: is_whole(collector.of(trace_id)), "the causes of all of them")
    spans = collector.of(trace_id)
    (last,) = (span for span in spans if span.service == "nexus-live")
    assert chain(spans, last) == [
        ("nexus-proxy", "proxy"),
        ("nexus-web", "publish_post"),
        ("nexus-web", "publish_post"),
        ("nexus-web", "publish"),
        ("nexus-relay", "send"),
        ("nexus-worker", "deliver"),
        ("nexus-worker", "redis"),
        ("nexus-live", "wake_streams"),
    ]
    (first,) = (span for span in spans if span.service == "nexus-proxy")
    assert first.parent_id == header["traceparent"].split("-")[2]
    begun = {span.span_id: span.begun_ns for span in spans}
    for span in spans:
        # HAProxy's clock shows whole milliseconds.
        assert span is first or span.begun_ns >= begun[span.parent_id] - 2_000_000
        assert span.ended_ns >= span.begun_ns
    assert {"statement", "commit"} <= {span.name for span in spans if span.service == "nexus-web"}
    assert first.attributes["status"] == 201
    logged = [json.loads(line) for line in stack.log_lines() if trace_id in line]
    assert {line["role"] for line in logged} >= {"proxy", "web", "worker"}
    by_request = [json.loads(line) for line in stack.log_lines() if answered["x-request-id"] in line]
    assert {line["trace_id"] for line in by_request} == {trace_id}


def test_a_trace_that_nobody_wants_to_be_recorded_is_in_the_logs_only(stack: Stack, collector: Collector) -> None:
    status, _, answered = stack.call("GET", "/api/v1/instance")
    assert status == 200
    trace_id, header = recorded()
    unwanted = secrets.token_hex(16)
    stack.call("GET", "/api/v1/instance", headers={"traceparent": f"00-{unwanted}-{secrets.token_hex(8)}-00"})
    stack.call("GET", "/api/v1/instance", headers=header)
    wait_until(lambda: len({span.service for span in collector.of(trace_id)}) == 2, "the spans of one that is wanted")
    # Where nobody outside has begun one, its id is the request's.
    of_request = answered["x-request-id"].replace("-", "")
    assert not collector.of(unwanted)
    assert not collector.of(of_request)
    logged = [json.loads(line) for line in stack.log_lines() if of_request in line or unwanted in line]
    assert {(line["role"], line["trace_id"]) for line in logged} == {
        (role, trace) for role in ("proxy", "web") for trace in (of_request, unwanted)
    }


def test_nobodys_words_names_or_secrets_are_in_a_trace(stack: Stack, collector: Collector) -> None:
    trace_id, header = recorded()
    handle, text, search = (f"private_{secrets.token_hex(6)}" for _ in range(3))
    person = {"handle": handle, "email": f"{handle}@example.org", "password": PASSWORD, "display_name": text}
    status, answer, _ = stack.call("POST", "/api/v1/identity/sign-up", person, header)
    assert status == 201
    headers = {"Authorization": f"Bearer {answer['access_token']}", **header}
    key = str(uuid.uuid4())
    stack.call("POST", "/api/v1/posts", {"text": f"{text} @{handle} #{search}"}, {**headers, "Idempotency-Key": key})
    stack.call("GET", f"/api/v1/users/@{handle}?q={search}", headers=headers)
    stack.call("POST", "/graphql", {"query": f'{{ user(handle: "{handle}") {{ bio }} }}'}, headers)
    stack.call("POST", "/api/v1/identity/log-in", {"login": handle, "password": f"wrong {text}"}, header)
    wait_until(lambda: "fan_out_post" in {span.name for span in collector.of(trace_id)}, "the last span")
    wait_until(lambda: [span.name for span in collector.of(trace_id)].count("proxy") == 5, "what the door saw")
    wait_until(lambda: is_whole(collector.of(trace_id)), "the causes of all of them")
    assert any("INSERT INTO" in str(span.attributes.get("sql")) for span in collector.of(trace_id))
    everything = b"".join(collector.bodies)
    tokens = (answer["access_token"], answer["refresh_token"], key)
    for secret in (handle, text, search, PASSWORD, "example.org", "127.0.0.1", *tokens):
        assert secret.encode() not in everything
