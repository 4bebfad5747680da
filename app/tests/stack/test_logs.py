"""Every line of every role is what docs/guide/logs.schema.json says, and nobody's secrets are in any."""

import json
import uuid
from pathlib import Path

import jsonschema
import pytest
from tests.stack.stack import PASSWORD, Stack

from haproxy.tests.door import wait_until

pytestmark = pytest.mark.xdist_group("stack")

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "guide" / "logs.schema.json").read_text())


def test_every_line_is_as_promised_and_a_request_is_found_from_door_to_effect(stack: Stack) -> None:
    person = stack.sign_up(f"logged_{uuid.uuid4().hex[:8]}")
    text = f"text-{uuid.uuid4()}"
    key = {**person.headers, "Idempotency-Key": str(uuid.uuid4())}
    status, _, headers = stack.call("POST", "/api/v1/posts", {"text": text}, key)
    assert status == 201
    request_id = headers["X-Request-ID"]

    def roles() -> set[str]:
        return {json.loads(line)["role"] for line in stack.log_lines() if request_id in line}

    wait_until(lambda: roles() >= {"proxy", "web", "worker"}, "the request's lines")
    check = jsonschema.Draft202012Validator(SCHEMA)
    found = stack.log_lines()
    assert len(found) > 20
    for line in found:
        check.validate(json.loads(line))
    everything = "\n".join(found)
    for secret in (PASSWORD, person.token, text, f"{person.handle}@example.org"):
        assert secret not in everything
