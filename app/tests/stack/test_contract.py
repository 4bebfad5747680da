"""The running whole keeps its contract, whatever it is sent: what is generated, and what only an attacker sends."""

import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from haproxy.tests.door import wait_until
from tests.stack.client import Person
from tests.stack.fuzz import CONTRACTS, Result, fuzz_graphql, fuzz_rest
from tests.stack.raw import request, send
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"  # `make fuzz`
LONG_S = int(float(os.environ.get("MINUTES", "10")) * 60)
POST = b'{"text": "a"}'
JSON = b"Content-Type: application/json"
NO_LENGTH: dict[str, Any] = {"length": False, "body": b""}


@pytest.fixture(scope="module")
def person(stack: Stack) -> Person:
    return stack.sign_up(f"hostile_{uuid.uuid4().hex[:8]}")


def faults(stack: Stack) -> list[str]:
    """The lines of all logs about what nobody expected."""
    roles = [*stack.webs, stack.live, stack.worker, *stack.relays]
    return [line for role in roles for line in role.log.read_text().splitlines() if '"unexpected_error"' in line]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[Result], None]:
    """Tells the size of a run, also when the test is good."""

    def print_size(result: Result) -> None:
        accepted = sum(result.accepted.values())
        with capsys.disabled():
            print(f"\n{result.cases} cases, {result.tested} operations, {accepted} valid calls accepted")

    return print_size


def assert_kept(stack: Stack, result: Result, faults_before: list[str], at_least: int) -> None:
    assert result.failures == [], result.output[-20_000:]
    assert result.cases >= at_least, result.output
    assert sum(result.accepted.values()) >= at_least // 20, "nearly nothing got past the validation"
    assert faults(stack) == faults_before
    wait_until(stack.nothing_is_left_to_do, "the outbox to be empty", seconds=120)
    assert stack.rows("SELECT count(*) FROM nexus_deadletter") == [(0,)]


@pytest.mark.fuzz
def test_rest_keeps_to_its_openapi_document(stack: Stack, say: Callable[[Result], None]) -> None:
    before = faults(stack)
    result = fuzz_rest(stack, LONG_S * 2 // 3 if IS_LONG else 50)
    say(result)
    paths = yaml.safe_load((CONTRACTS / "openapi.yaml").read_text())["paths"]
    assert result.tested == sum(len(methods) for path, methods in paths.items() if path != "/api/v1/live")
    assert_kept(stack, result, before, at_least=500)


@pytest.mark.fuzz
def test_graphql_keeps_to_its_schema(stack: Stack, say: Callable[[Result], None]) -> None:
    before = faults(stack)
    result = fuzz_graphql(stack, LONG_S // 3 if IS_LONG else 15)
    say(result)
    # On a busy machine, too: how many there are in that time says nothing about the contract.
    assert_kept(stack, result, before, at_least=2 * result.tested)


def test_a_contract_that_is_not_true_is_found_out(stack: Stack) -> None:
    """The control of the tests above: three lies, each of another kind."""
    document = yaml.safe_load((CONTRACTS / "openapi.yaml").read_text())
    schemas = document["components"]["schemas"]
    schemas["User"]["required"].append("shoe_size")
    schemas["SignUpRequest"]["properties"]["handle"]["pattern"] = "^[a-z]{40}$"
    del document["paths"]["/api/v1/me"]["get"]["responses"]["401"]
    path = stack.directory / "lies.yaml"
    path.write_text(yaml.safe_dump(document))
    options = ("--include-operation-id", "me", "--include-operation-id", "sign_up")
    result = fuzz_rest(stack, 8, *options, contract=path)
    found = " ".join(result.failures)
    for kind in ("Response violates schema", "Schema-valid request rejected", "Undocumented status code"):
        assert kind in found, found


REQUESTS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "a method in small letters": (405, "method_not_allowed", {"method": b"get"}),
    "TRACE": (405, "method_not_allowed", {"method": b"TRACE"}),
    "a long method": (405, "method_not_allowed", {"method": b"A" * 300}),
    "a write to the contract": (405, "method_not_allowed", {"target": b"/api/v1/openapi.json"}),
    "OPTIONS of a page": (405, "method_not_allowed", {"method": b"OPTIONS", "target": b"/api/v1/docs/"}),
    "a write to the stream": (405, "method_not_allowed", {"method": b"PUT", "target": b"/api/v1/live"}),
    "an address that is no path": (400, "malformed", {"method": b"OPTIONS", "target": b"*"}),
    "a long address": (414, "uri_too_long", {"target": b"/api/v1/posts?" + b"a" * 4000}),
    "many parameters": (400, "malformed", {"target": b"/api/v1/posts?" + b"a&" * 1500}),
    "a parameter of another path": (422, "invalid_input", {"target": b"/api/v1/posts?limit=1"}),
    "NUL in the path": (404, "not_found", {"target": b"/api/v1/posts/%00"}),
    "a path that is no UTF-8": (404, "not_found", {"target": b"/api/v1/%ff"}),
    "a path upwards": (404, "not_found", {"target": b"/api/v1/../v1/posts"}),
    "a path with two slashes": (404, "not_found", {"target": b"//api/v1/posts"}),
    "another host": (400, "malformed", {"host": b"evil.example"}),
    "no host": (400, "malformed", {"host": b""}),
    "a host with a user": (400, "malformed", {"host": b"x@localhost"}),
    "NUL in a header": (400, "malformed", {"headers": [JSON, b"X-A: a\0b"]}),
    "a long header": (431, "headers_too_large", {"headers": [JSON, b"X-A: " + b"a" * 8000]}),
    "many headers": (431, "headers_too_large", {"headers": [JSON, *(b"X-%d: a" % n for n in range(85))]}),
    "a key with a space": (400, "idempotency_key_invalid", {"headers": [JSON, b"Idempotency-Key: 0123456789abcdef x"]}),
    "a packed body": (415, "unsupported_media_type", {"headers": [JSON, b"Content-Encoding: gzip"]}),
    "text": (415, "unsupported_media_type", {"headers": [b"Content-Type: text/plain"]}),
    "a body without a type": (415, "unsupported_media_type", {"headers": []}),
    "a large body": (413, "payload_too_large", {"body": b" " * 65_537}),
    "a body of a megabyte": (413, "payload_too_large", {"body": b" " * 1_000_000}),
    "a promise of 2 GB": (413, "payload_too_large", {"headers": [JSON, b"Content-Length: 2000000000"], **NO_LENGTH}),
    "no body": (400, "malformed", NO_LENGTH),
    "chunks": (
        411,
        "length_required",
        {**NO_LENGTH, "headers": [JSON, b"Transfer-Encoding: chunked"], "body": b"d\r\n%b\r\n0\r\n\r\n" % POST},
    ),
}


# From 3.0 on HAProxy's parser refuses these itself, before there is a request that a document could be made for.
NO_HTTP = {"a host with a user", "NUL in a header"}


@pytest.mark.parametrize("what", REQUESTS)
def test_what_no_client_should_send_is_refused_with_a_problem_document(stack: Stack, person: Person, what: str) -> None:
    status, code, parts = REQUESTS[what]
    written = stack.rows("SELECT count(*) FROM nexus_post WHERE author_id = %s", int(person.id))
    answer = send(stack, request(person, **{"headers": [JSON], "body": POST, **parts}))
    assert stack.rows("SELECT count(*) FROM nexus_post WHERE author_id = %s", int(person.id)) == written
    assert answer.status == status, answer
    if what not in NO_HTTP or answer.headers["content-type"] != "text/html":
        assert answer.problem["code"] == code
        assert answer.problem["trace_id"] == answer.headers["x-request-id"]


def test_an_answer_does_not_overtake_its_request(stack: Stack, person: Person) -> None:
    """One that does is lost when the connection is closed while the client still sends."""
    data = request(person, body=b" " * 1_000_000, headers=[JSON])
    with (
        socket.create_connection(("127.0.0.1", stack.door.port), timeout=20) as plain,
        stack.door.client_tls().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(data[:500_000])
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(data[500_000:])
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_before_it_sends_the_body_is_told_to_go_on(stack: Stack, person: Person) -> None:
    for expectation in (b"100-continue", b"200-maybe"):
        data = request(person, body=POST, headers=[JSON, b"Expect: " + expectation])
        assert send(stack, data).status == 201


@pytest.mark.parametrize("value", ["mine", "a\tb", "%0d%0aSet-Cookie: a=b", "x" * 500])
def test_nobody_outside_names_a_request(stack: Stack, person: Person, value: str) -> None:
    data = request(None, method=b"GET", target=b"/api/v1/instance", headers=[b"X-Request-ID: " + value.encode()])
    answer = send(stack, data)
    assert answer.status == 200
    assert uuid.UUID(answer.headers["x-request-id"])
    assert "set-cookie" not in answer.headers


def test_a_body_that_never_comes_keeps_no_thread(stack: Stack, person: Person) -> None:
    begun = time.monotonic()
    answer = send(stack, request(person, headers=[JSON, b"Content-Length: 13"], length=False, body=POST[:5]))
    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert time.monotonic() - begun < 15
    assert not any(answer.headers["x-request-id"] in web.log.read_text() for web in stack.webs)


def test_head_and_options_are_answered_without_a_body(stack: Stack, person: Person) -> None:
    head = send(stack, request(person, method=b"HEAD", target=b"/api/v1/me"), method="HEAD")
    got = send(stack, request(person, method=b"GET", target=b"/api/v1/me"))
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert head.headers["content-length"] == str(len(got.body))
    options = send(stack, request(None, method=b"OPTIONS", target=b"/api/v1/me"), method="OPTIONS")
    assert (options.status, options.body) == (204, b"")
    assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "OPTIONS"}


def test_hashtags_in_the_path_may_be_of_any_script(stack: Stack, person: Person) -> None:
    word = "größe" + uuid.uuid4().hex[:6]
    stack.call("POST", "/api/v1/posts", {"text": f"#{word.upper()}"}, person.headers)
    path = b"/api/v1/timelines/hashtags/" + word.replace("ö", "%C3%B6").replace("ß", "%C3%9F").encode()
    page = json.loads(send(stack, request(person, method=b"GET", target=path)).body)
    assert [item["post"]["text"] for item in page["items"]] == [f"#{word.upper()}"]


DOCUMENTS = {
    "aliases": ("query_too_many_aliases", "{" + " ".join(f"a{n}:me{{id}}" for n in range(200)) + "}"),
    "fields": ("query_too_long", "{" + "me{id} " * 700 + "}"),
    "nested fragments": ("query_too_deep", "{" + "...{" * 400 + "me{id}" + "}" * 400 + "}"),
    "nested fields": ("query_too_deep", "{me" + "{followers{edges{node" * 20 + "{id}" + "}}}" * 20 + "}"),
    "directives": ("query_too_long", "{me{id " + "@skip(if:false) " * 250 + "}}"),
    "unknown directives": ("document_invalid", "{me{id " + "@a " * 700 + "}}"),
    "a cycle": ("document_invalid", "query{...A} fragment A on Query{...B} fragment B on Query{...A}"),
    "two to the power of 60": (
        "query_too_costly",
        "query{...F0}"
        + "".join(f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(60))
        + "fragment F60 on Query{me{id}}",
    ),
    "a long number": ("document_invalid", "{publicTimeline(first:" + "9" * 5000 + "){edges{node{post{id}}}}}"),
    "deep introspection": ("document_invalid", "{__schema{types" + "{fields{type" * 4 + "{name}" + "}}" * 4 + "}}"),
    "two mutations": ("several_mutations", "mutation{logOut a:logOut}"),
    "NUL": ("document_invalid", "{me{id}}\0"),
    "a long name": ("document_invalid", "{" + "a" * 60_000 + "}"),
    "a comment only": ("document_invalid", "#" * 60_000),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_that_asks_too_much_is_refused_at_once(stack: Stack, person: Person, what: str) -> None:
    code, document = DOCUMENTS[what]
    begun = time.monotonic()
    status, answer, _ = stack.call("POST", "/graphql", {"query": document}, person.headers)
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, code)
    assert "data" not in answer
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("depth", [900, 20_000])
def test_variables_of_any_depth_are_refused(stack: Stack, person: Person, depth: int) -> None:
    query = b'{"query":"query($a:Int){publicTimeline(first:$a){edges{node{post{id}}}}}","variables":{"a":'
    body = query + b"[" * depth + b"]" * depth + b"}}"
    answer = send(stack, request(person, target=b"/graphql", headers=[JSON], body=body))
    assert answer.status == 400
    assert json.loads(answer.body)["errors"][0]["extensions"]["code"] in ("invalid_input", "malformed")
