"""Generated requests for the running whole: schemathesis, by the committed contracts, through HAProxy, logged in."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.role import APP
from tests.stack.client import PASSWORD
from tests.stack.stack import Stack

CONTRACTS = APP / "contracts"
# schemathesis' own list, and what is refused for its size (413, 414, 431) or by If-Match (412). No 5xx.
_REFUSALS = [400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 422, 428, 429, 431]
_PROGRAM = Path(sys.executable).parent / "schemathesis"


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has seen. `accepted`: by operation, how many valid calls were answered as wished."""

    cases: int
    tested: int
    accepted: dict[str, int]
    failures: list[str]
    output: str

    @property
    def never_accepted(self) -> set[str]:
        """The operations of which nothing but refusals was seen."""
        return {operation for operation, count in self.accepted.items() if count == 0}


def fuzz_rest(stack: Stack, seconds: int, *options: str, contract: Path = CONTRACTS / "openapi.yaml") -> Result:
    """All operations of the OpenAPI document except the stream, which another role serves and test_live.py tests."""
    return _run(stack, seconds, str(contract), "--url", stack.door.url, "--exclude-path", "/api/v1/live", *options)


def fuzz_graphql(stack: Stack, seconds: int, *options: str) -> Result:
    """All fields of the GraphQL schema."""
    return _run(stack, seconds, str(CONTRACTS / "schema.graphql"), "--url", f"{stack.door.url}/graphql", *options)


def _run(stack: Stack, seconds: int, *arguments: str) -> Result:
    person = stack.sign_up(f"fuzz_{uuid.uuid4().hex[:8]}")
    report = stack.directory / f"{person.handle}.json"
    community = _community(stack)
    settings = stack.directory / f"{person.handle}.toml"
    settings.write_text(_settings(community))
    variables = {
        "PYTHONPATH": os.pathsep.join([str(APP), str(APP.parent)]),
        "SCHEMATHESIS_HOOKS": "tests.stack.fuzz_hooks",
        "FUZZ_URL": stack.door.url,
        "FUZZ_CA": str(stack.certificate.ca),
        "FUZZ_LOGIN": person.handle,
        "FUZZ_PASSWORD": PASSWORD,
        "FUZZ_USERS": " ".join(community["user_id"]),
        "FUZZ_POSTS": " ".join(community["post_id"]),
    }
    command = [
        *(str(_PROGRAM), "--config-file", str(settings), "run", *arguments),
        *("--tls-verify", str(stack.certificate.ca), "--checks", "all"),
        *("--max-time", str(seconds), "--request-timeout", "15", "--generation-database", "none"),
        *("--continue-on-failure", "--no-color", "--report", "json", "--report-json-path", str(report)),
    ]
    # In a folder of its own: it looks for configuration where it stands, and leaves a cache there.
    done = subprocess.run(
        command,
        cwd=stack.directory,
        env={**stack.variables, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * seconds + 120,
    )
    if not report.exists():
        raise AssertionError(f"schemathesis has not run:\n{done.stdout}")
    return _read(json.loads(report.read_text()), done)


def _community(stack: Stack) -> dict[str, list[str]]:
    """Real values for parameters; several people, because each can be blocked, and then hides all that is his."""
    found: dict[str, list[str]] = {"user_id": [], "user": [], "post_id": [], "hashtag": ["nexus", "Größe"]}
    for _ in range(6):
        friend = stack.sign_up(f"friend_{uuid.uuid4().hex[:8]}")
        status, post, _ = stack.call("POST", "/api/v1/posts", {"text": "A thought #nexus #Größe"}, friend.headers)
        assert status == 201, post
        found["user_id"].append(friend.id)
        found["user"].append(f"@{friend.handle}")
        found["post_id"].append(post["id"])
    return found


def _settings(community: dict[str, list[str]]) -> str:
    """Half of these parameters are real, otherwise most answers are 404; and what counts as a refusal."""
    dictionaries = [f"[dictionaries.{name}]\nvalues = {json.dumps(found)}" for name, found in community.items()]
    bindings = [f'{name} = {{ dictionary = "{name}", probability = 0.5 }}' for name in community]
    refusals = f"[checks.negative_data_rejection]\nexpected-statuses = {_REFUSALS}"
    return "\n".join([*dictionaries, "[parameters]", *bindings, refusals, ""])


def _read(report: dict[str, Any], done: "subprocess.CompletedProcess[str]") -> Result:
    accepted = {
        operation: sum(phase["accepted"] for phase in phases.values())
        for operation, phases in report["valid_rates"].items()
    }
    failures = [f"{failure['title']}: {failure['count']}" for failure in report["failures"]]
    if report["errors"] or report["test_cases"]["errored"] or done.returncode != 0:
        failures.append(f"errors: {report['errors']}, exit status {done.returncode}")
    return Result(report["test_cases"]["generated"], report["operations"]["tested"], accepted, failures, done.stdout)
