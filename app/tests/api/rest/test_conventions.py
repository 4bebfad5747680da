"""What holds for every REST endpoint: strict input, problem documents, ETags, pages, keys, limits."""

import dataclasses
import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from nexus.api import limits
from nexus.domain.posts.models import Post
from nexus.domain.users.models import User
from nexus.kernel.viewer import Viewer
from tests.factories import post, user

pytestmark = pytest.mark.django_db

POSTS = "/api/v1/posts"


@pytest.fixture
def author() -> User:
    return user(handle="author")


@pytest.fixture
def client(author: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Requests by `author`: what a token is worth is tested with identity."""
    monkeypatch.setattr("nexus.api.rest.endpoints.viewer_from", lambda request, for_write: Viewer(user_id=author.id))
    return Client(raise_request_exception=False)


def send(client: Client, body: object, **headers: str) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(POSTS, text, content_type="application/json", headers=headers)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, after a look at what all of them have."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    found: dict[str, Any] = answer.json()
    assert set(found) == {"type", "title", "status", "detail", "instance", "code", "errors", "trace_id"}
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"].endswith(f"/problems#{code}")
    assert Post.objects.count() == 0
    return found


@pytest.mark.parametrize("body", [b" ", b"{", b"\xff\xfe", b'{"text": "a"', b"[1, 2", b'{"text": "\\ud800"}', b"NaN"])
def test_a_body_that_is_no_json_is_refused(client: Client, body: bytes) -> None:
    refused(send(client, body), 400, "malformed")


@pytest.mark.parametrize("body", [None, [], "text", 7, True])
def test_a_body_that_is_no_object_is_refused(client: Client, body: object) -> None:
    refused(send(client, body), 422, "invalid_input")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/text", "required"),
        ({"text": 7}, "/text", "wrong_type"),
        ({"text": None}, "/text", "wrong_type"),
        ({"text": ["a"]}, "/text", "wrong_type"),
        ({"text": "a", "visibility": "secret"}, "/visibility", "not_a_choice"),
        ({"text": "a", "visibility": ["public"]}, "/visibility", "not_a_choice"),
        ({"text": "a", "reply_to_id": 7}, "/reply_to_id", "not_an_id"),
        ({"text": "a", "reply_to_id": "-7"}, "/reply_to_id", "not_an_id"),
        ({"text": "a", "texd": "b"}, "/texd", "unknown_field"),
        ({"text": "a", "a/b~c": 1}, "/a~1b~0c", "unknown_field"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_by_a_pointer(client: Client, body: object, pointer: str, code: str) -> None:
    found = refused(send(client, body), 422, "invalid_input")
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [(pointer, code)]


def test_a_body_of_another_kind_is_refused(client: Client) -> None:
    refused(
        client.post(POSTS, "text=a", content_type="application/x-www-form-urlencoded"), 415, "unsupported_media_type"
    )


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    refused(send(client, {"text": "a" * 70_000}), 413, "payload_too_large")


def test_a_parameter_that_nobody_knows_is_refused(client: Client) -> None:
    found = refused(client.get("/api/v1/timelines/public?limt=5"), 422, "invalid_input")
    assert found["errors"][0]["pointer"] == "/limt"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1.5", "٣"])
def test_a_limit_that_is_none_is_refused(client: Client, limit: str) -> None:
    refused(client.get("/api/v1/timelines/public", {"limit": limit}), 422, "invalid_input")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "a" * 500])
def test_a_cursor_that_is_none_is_refused(client: Client, cursor: str) -> None:
    refused(client.get("/api/v1/timelines/public", {"cursor": cursor}), 400, "invalid_cursor")


@pytest.mark.parametrize("path", ["/api/v1/nothing", f"{POSTS}/x", f"{POSTS}/0", f"{POSTS}/99999999999999999999"])
def test_what_is_not_there_is_a_problem_document_too(client: Client, path: str) -> None:
    refused(client.get(path), 404, "not_found")


def test_a_method_that_a_path_does_not_know_is_refused_with_those_it_knows(client: Client) -> None:
    answer = client.delete(POSTS)
    refused(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    refused(client.get("/api/v1/instance", headers={"Host": "evil.example"}), 400, "malformed")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic eDp5", "Bearer x.y.z", "token"])
def test_a_token_that_is_none_is_refused_where_nobody_must_log_in_too(header: str) -> None:
    answer = Client().get("/api/v1/instance", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_fault_of_ours_says_nothing_of_its_cause(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("nexus.domain.posts.operations.clean_text", fail, raising=False)
    monkeypatch.setattr("nexus.kernel.outbox.publish", fail)
    answer = send(client, {"text": "a"})
    refused(answer, 500, "internal")
    assert b"swordfish" not in answer.content


def test_an_answer_has_an_etag_and_is_not_sent_again_when_nothing_changed(client: Client, author: User) -> None:
    path = f"{POSTS}/{post(author).id}"
    first = client.get(path)
    assert first["ETag"].startswith('"v1.')
    again = client.get(path, headers={"If-None-Match": f'"other", {first["ETag"]}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    client.put(f"{path}/like")
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_like_does_not_fail_an_edit_and_an_edit_does(client: Client, author: User) -> None:
    path = f"{POSTS}/{post(author).id}"
    seen = client.get(path)["ETag"]
    client.put(f"{path}/like")

    def edit(text: str) -> Any:
        headers = {"If-Match": seen}
        return client.patch(path, json.dumps({"text": text}), content_type="application/json", headers=headers)

    assert edit("first").status_code == 200
    late = edit("second")
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert client.get(path).json()["text"] == "first"


def test_neighbouring_pages_stand_in_the_body_and_in_the_link_header(client: Client, author: User) -> None:
    for _ in range(3):
        post(author)
    answer = client.get("/api/v1/timelines/public?limit=2")
    page = answer.json()
    assert f'limit=2&cursor={page["next"]}>; rel="next"' in answer["Link"]
    assert 'rel="prev"' in answer["Link"]
    assert len(client.get("/api/v1/timelines/public", {"limit": 2, "cursor": page["next"]}).json()["items"]) == 1


def test_a_call_that_is_sent_twice_is_done_once(client: Client) -> None:
    key = str(uuid.uuid4())
    first = send(client, {"text": "once"}, **{"Idempotency-Key": key})
    second = send(client, {"text": "once"}, **{"Idempotency-Key": f'"{key}"'})
    assert (first.status_code, "Idempotent-Replayed" in first) == (201, False)
    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.content == first.content
    assert (second["Location"], second["ETag"]) == (first["Location"], first["ETag"])
    assert Post.objects.count() == 1


def test_the_key_of_another_call_is_refused(client: Client) -> None:
    key = str(uuid.uuid4())
    send(client, {"text": "one"}, **{"Idempotency-Key": key})
    answer = send(client, {"text": "two"}, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Post.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_not_remembered(client: Client) -> None:
    key = str(uuid.uuid4())
    refused(send(client, {"text": ""}, **{"Idempotency-Key": key}), 422, "invalid_input")
    assert send(client, {"text": "now with words"}, **{"Idempotency-Key": key}).status_code == 201


def test_a_key_that_is_none_is_refused(client: Client) -> None:
    refused(send(client, {"text": "a"}, **{"Idempotency-Key": "short"}), 400, "idempotency_key_invalid")


def limited(quota: tuple[int, int]) -> Any:
    return override_settings(NEXUS=dataclasses.replace(settings.NEXUS, rate_limits=True, rate_limit=quota))


def test_the_quota_is_told_and_then_enforced(client: Client) -> None:
    with limited((3, 60)):
        answers = [client.get("/api/v1/instance") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"default";q=3;w=60'
    assert answers[0]["RateLimit"].startswith('"default";r=2;t=')
    assert answers[3].json()["code"] == "rate_limited"
    assert 1 <= int(answers[3]["Retry-After"]) <= 60


def test_a_64_of_ipv6_is_one_place() -> None:
    assert limits.network("2001:db8:1:2:3:4:5:6") == limits.network("2001:db8:1:2:ffff::1")
    assert limits.network("2001:db8:1:2::1") != limits.network("2001:db8:1:3::1")
    assert limits.network("::ffff:192.0.2.1") == "192.0.2.1"


def test_a_page_of_another_origin_may_call_when_it_is_allowed_and_not_otherwise() -> None:
    with override_settings(CORS_ALLOWED_ORIGINS=["https://app.example"]):
        asked = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "idempotency-key,authorization",
        }
        allowed = Client().options(POSTS, headers=asked)
        other = Client().options(POSTS, headers={**asked, "Origin": "https://evil.example"})
    assert allowed["Access-Control-Allow-Origin"] == "https://app.example"
    assert "idempotency-key" in allowed["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in other
