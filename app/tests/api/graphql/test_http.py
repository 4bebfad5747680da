"""GraphQL over HTTP: media types, methods, status codes, headers."""

import json
from typing import Any

import pytest
from django.test import Client

from nexus.api.graphql.documents import hash_of, trusted
from tests import factories as make
from tests.api.calling import GRAPHQL, bearer, codes, post, send
from tests.api.graphql.switches import switched

pytestmark = pytest.mark.django_db

NEW, OLD = "application/graphql-response+json", "application/json"
ASKED = {"query": "{ instance { features } }"}


def get(headers: dict[str, str], **parameters: str) -> Any:
    return Client(raise_request_exception=False).get(GRAPHQL, parameters, headers=headers)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, NEW),
        ("", NEW),
        ("*/*", NEW),
        (NEW, NEW),
        (OLD, OLD),
        (f"{NEW}, {OLD}", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"text/html, {OLD};q=0.9", OLD),
        ("application/*", NEW),
    ],
)
def test_the_answer_has_the_type_that_is_asked_for(accept: str | None, expected: str) -> None:
    response = send(ASKED, {} if accept is None else {"Accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == f"{expected}; charset=utf-8"
    assert "Accept" in response["Vary"]


def test_what_cannot_be_answered_is_not_acceptable() -> None:
    response = send(ASKED, {"Accept": "image/png"})
    assert response.status_code == 406
    assert codes(response.json()) == ["not_acceptable"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b" ", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        (b"null", 400, "malformed"),
        (b"{}", 422, "invalid_input"),
        (b'{"query": null}', 422, "invalid_input"),
        (b'{"query": 1}', 422, "invalid_input"),
        (b'{"query": "{ me { id } }", "variables": []}', 422, "invalid_input"),
        (b'{"query": "{ me { id } }", "operationName": 1}', 422, "invalid_input"),
        (b'{"query": "{ me { id } }", "operationName": "x"}', 422, "invalid_input"),
        (b'{"query": "query a { me { id } } query b { me { id } }"}', 422, "invalid_input"),
        (b'{"query": "{ me { id } }", "x": 1}', 422, "invalid_input"),
        (b'{"query": "{"}', 400, "document_invalid"),
        (b'{"query": ""}', 400, "document_invalid"),
        (b'{"query": "fragment a on User { id }"}', 400, "document_invalid"),
        (b'{"query": "subscription { me }"}', 400, "document_invalid"),
        (b'{"query": "{ post }"}', 400, "document_invalid"),
        (b'{"query": "query($id: ID!) { post(postId: $id) { id } }"}', 400, "invalid_input"),
        (b'{"query": "{ me { id } }\\u0000"}', 400, "document_invalid"),
        (b'{"query": "%s"}' % (b"#" * 70_000), 413, "payload_too_large"),
        (b'{"query": "{%s"}' % (b" me" * 20_000), 400, "query_too_long"),
        (b"[" * 60_000, 400, "malformed"),
    ],
)
@pytest.mark.parametrize("accept", [NEW, OLD])
def test_what_cannot_be_run_is_an_error_of_the_request(accept: str, body: bytes, status: int, code: str) -> None:
    client = Client(raise_request_exception=False)
    response = client.post(GRAPHQL, data=body, content_type="application/json", headers={"Accept": accept})
    assert response.status_code == status, response.content
    answer = response.json()
    assert "data" not in answer
    assert set(codes(answer)) == {code}
    assert response["Content-Type"].startswith(accept)


def test_what_was_run_is_200_also_with_errors() -> None:
    response = post("{ me { id } instance { name } }")
    assert response.status_code == 200
    assert response.json()["data"] == {"me": None, "instance": {"name": "localhost"}}
    error = response.json()["errors"][0]
    assert error["message"] == "Log in first"
    assert error["path"] == ["me"]
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("not_authenticated", 401)


def test_the_body_must_be_json_by_its_type() -> None:
    response = Client().post(GRAPHQL, data="{ me { id } }", content_type="application/graphql")
    assert response.status_code == 415
    assert codes(response.json()) == ["unsupported_media_type"]


def test_a_form_cannot_act_for_anybody() -> None:
    response = Client(enforce_csrf_checks=True).post(GRAPHQL, {"query": "mutation { logOut }"})
    assert response.status_code == 415


@pytest.mark.parametrize("method", ["put", "delete", "patch", "head", "options"])
def test_other_methods_are_not_allowed(method: str) -> None:
    response = getattr(Client(raise_request_exception=False), method)(GRAPHQL)
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST"


def test_a_token_that_is_not_valid_is_refused_for_the_whole_document() -> None:
    response = send(ASKED, {"Authorization": "Bearer nonsense"})
    assert response.status_code == 401
    assert codes(response.json()) == ["not_authenticated"]
    assert response["WWW-Authenticate"] == "Bearer"


def test_answers_are_kept_by_nobody() -> None:
    response = send(ASKED)
    assert response["Cache-Control"] == "no-store"
    assert response["Vary"].startswith("Accept, Authorization")


def test_variables_that_do_not_fit_are_named_by_pointers() -> None:
    asked = "mutation($input: PublishPostInput!) { publishPost(input: $input) { id } }"
    response = post(asked, input={"text": 1, "visibility": "secret", "replyToId": []})
    assert response.status_code == 400
    found = [error["extensions"]["errors"][0]["pointer"] for error in response.json()["errors"]]
    assert sorted(found) == ["/input/replyToId", "/input/text", "/input/visibility"]
    assert set(codes(response.json())) == {"invalid_input"}


HOME = next(text for text in trusted().values() if text.startswith("query Home"))


def test_a_trusted_document_is_run_by_its_hash() -> None:
    reader = make.user()
    make.post(reader, text="Hello")
    digest = hash_of(HOME)
    for parameters in (
        {"documentId": f"sha256:{digest}"},
        {"documentId": digest, "variables": '{"first": 1}', "operationName": "Home"},
        {"extensions": json.dumps({"persistedQuery": {"version": 1, "sha256Hash": digest}})},
    ):
        response = get(bearer(reader), **parameters)
        assert response.status_code == 200
        assert response["Cache-Control"] == "private, no-cache"
        nodes = response.json()["data"]["homeTimeline"]["edges"]
        assert [edge["node"]["post"]["text"] for edge in nodes] == ["Hello"]
    response = send({"documentId": digest}, bearer(reader))
    assert len(response.json()["data"]["homeTimeline"]["edges"]) == 1


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"query": "{ instance { name } }"}, 400, "document_not_trusted"),
        ({"documentId": "sha256:" + "0" * 64}, 400, "document_not_trusted"),
        ({"documentId": hash_of(HOME), "query": HOME}, 400, "document_not_trusted"),
        ({"documentId": hash_of(HOME), "query": "{ me { id } }"}, 422, "invalid_input"),
        ({"documentId": hash_of(HOME), "variables": "["}, 422, "invalid_input"),
        ({"documentId": hash_of(HOME), "variables": "[]"}, 422, "invalid_input"),
        ({"documentId": hash_of(HOME), "page": "2"}, 422, "invalid_input"),
        ({"variables": "{}"}, 422, "invalid_input"),
    ],
)
def test_get_takes_trusted_documents_only(parameters: dict[str, str], status: int, code: str) -> None:
    response = get({}, **parameters)
    assert response.status_code == status
    assert codes(response.json()) == [code]


def test_a_mutation_is_not_run_by_get(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'mutation { publishPost(input: {text: "Hello"}) { id } }'
    known = {**trusted(), hash_of(text): text}
    monkeypatch.setattr("nexus.api.graphql.documents.trusted", lambda: known)
    author = make.user()
    response = get(bearer(author), documentId=hash_of(text))
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST"
    author.refresh_from_db()
    assert author.post_count == 0
    assert send({"documentId": hash_of(text)}, bearer(author)).status_code == 200


def test_a_server_can_take_trusted_documents_only() -> None:
    with switched(graphql_trusted_only=True):
        refused = send(ASKED)
        assert (refused.status_code, codes(refused.json())) == (400, ["document_not_trusted"])
        # The hash beside the text proves that the text is a trusted one.
        taken: list[dict[str, Any]] = [{"documentId": hash_of(HOME)}]
        for body in taken:
            assert send(body).status_code == 200


def test_every_trusted_document_fits_the_schema() -> None:
    for text in trusted().values():
        assert post(text).status_code == 200


def test_limits_are_counted_and_told() -> None:
    with switched(rate_limits=True, rate_limit=(3, 60)):
        reader = make.user()
        headers = bearer(reader)
        assert send(ASKED, headers)["RateLimit-Policy"] == '"default";q=3;w=60'
        # A document that fails is counted too.
        assert send({"query": "{"}, headers)["RateLimit"].startswith('"default";r=1;')
        assert send(ASKED, headers).status_code == 200
        response = send(ASKED, headers)
        assert response.status_code == 429
        assert codes(response.json()) == ["rate_limited"]
        assert 1 <= int(response["Retry-After"]) <= 60


def test_guessing_a_password_has_the_stricter_limit() -> None:
    asked = 'mutation { logIn(login: "nobody", password: "guess") { accessToken } }'
    with switched(rate_limits=True, rate_limit_credentials=(2, 60)):
        assert [codes(post(asked).json()) for _ in range(3)] == [
            ["invalid_credentials"], ["invalid_credentials"], ["rate_limited"],
        ]  # fmt: skip
        assert send(ASKED).status_code == 200
