"""Every line of every role is what docs/guide/logs.schema.json says, and nobody's secrets are in any."""

import json
import secrets
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from haproxy.tests.door import wait_until
from local.role import APP
from tests.stack.client import PASSWORD
from tests.stack.sse import Live
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "guide" / "logs.schema.json").read_text())


def lines_with(stack: Stack, word: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.log_lines() if word in line]


def test_a_request_is_found_by_its_ids_in_every_role_that_had_to_do_with_it(stack: Stack) -> None:
    person = stack.sign_up(f"logged_{secrets.token_hex(4)}")
    key = {**person.headers, "Idempotency-Key": str(uuid.uuid4())}
    _, _, headers = stack.call("POST", "/api/v1/posts", {"text": "a text"}, key)
    request_id = headers["x-request-id"]
    wait_until(lambda: any(line.get("reaction") == "fan_out_post" for line in lines_with(stack, request_id)), "effects")
    found = lines_with(stack, request_id)
    assert {line["role"] for line in found} == {"proxy", "web", "worker"}
    assert {line["trace_id"] for line in found} == {request_id.replace("-", "")}
    (asked,) = (line for line in found if line["role"] == "web" and line["event"] == "request")
    assert (asked["user_id"], asked["use_case"]) == (int(person.id), "publish_post")

    with Live(stack.door.port, person.headers, tls=stack.door.client_tls()) as stream:
        request_id = dict(stream.answer.getheaders())["x-request-id"]
    wait_until(lambda: len(lines_with(stack, request_id)) == 3, "opened, closed, and what HAProxy saw of it")
    opened, closed, proxied = sorted(lines_with(stack, request_id), key=lambda line: str(line["event"]) == "request")
    assert (opened["role"], closed["role"], proxied["role"]) == ("live", "live", "proxy")
    assert opened["user_id"] == closed["user_id"] == int(person.id)
    assert opened["trace_id"] == closed["trace_id"] == proxied["trace_id"] == request_id.replace("-", "")

    trace_id, died = secrets.token_hex(16), f"died-{secrets.token_hex(6)}"
    stack.rows(
        "INSERT INTO nexus_delivery"
        " (id, reaction, payload, request_id, traceparent, created_at, due_at, attempts, last_error)"
        " VALUES (%s, 'fan_out_post', '{}', %s, %s, now(), now(), 8, 'KeyError') RETURNING id",
        secrets.randbits(60),
        died,
        f"00-{trace_id}-{secrets.token_hex(8)}-00",
    )
    wait_until(lambda: bool(lines_with(stack, died)), "the relay's line")
    (buried,) = lines_with(stack, died)
    assert (buried["role"], buried["event"], buried["trace_id"]) == ("relay", "delivery_buried", trace_id)


def test_every_line_of_every_role_is_as_promised(stack: Stack) -> None:
    with Live(stack.door.port, stack.sign_up(f"logged_{secrets.token_hex(4)}").headers, tls=stack.door.client_tls()):
        pass
    stack.call("GET", "/api/v1/nowhere")
    migrate = subprocess.run(
        [sys.executable, "-m", "nexus.config", "migrate"],
        env={**stack.variables, "PYTHONPATH": str(APP)},
        check=True,
        capture_output=True,
        text=True,
    )
    check = jsonschema.Draft202012Validator(SCHEMA)
    found = [json.loads(line) for line in [*stack.log_lines(), *migrate.stdout.splitlines()]]
    for line in found:
        check.validate(line)
    assert {line["role"] for line in found} == {"proxy", "web", "live", "worker", "relay", "meter", "migrate"}


def test_nobodys_secrets_and_words_are_in_any_line(stack: Stack) -> None:
    person = stack.sign_up(f"logged_{secrets.token_hex(4)}")
    word, wrong, key = (f"private{secrets.token_hex(8)}" for _ in range(3))
    headers = {**person.headers, "Idempotency-Key": key, "Cookie": f"a={word}"}
    status, _, answered = stack.call("POST", "/api/v1/posts", {"text": f"{word} #{word}"}, headers)
    assert status == 201
    stack.call("GET", f"/api/v1/timelines/public?cursor={word}", headers=person.headers)
    stack.call("POST", "/graphql", {"query": f'{{ user(handle: "{word}") {{ id }} }}'}, person.headers)
    stack.call("POST", "/api/v1/identity/log-in", {"login": f"{person.handle}@example.org", "password": wrong})
    wait_until(lambda: any(line["role"] == "worker" for line in lines_with(stack, answered["x-request-id"])), "effects")
    everything = "\n".join(stack.log_lines())
    for secret in (PASSWORD, person.token, word, wrong, key, f"{person.handle}@example.org"):
        assert secret not in everything
