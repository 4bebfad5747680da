"""People and what is between them, by REST."""

import json
from typing import Any

import pytest
from django.test import Client

from nexus.domain.users.models import User
from tests.api.calling import bearer
from tests.factories import block, follow, user

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"


@pytest.fixture
def ada() -> User:
    return user(handle="ada", display_name="Ada")


@pytest.fixture
def client(ada: User) -> Client:
    return Client(raise_request_exception=False, headers=bearer(ada))


def edit(client: Client, body: dict[str, Any], tag: str | None = None) -> Any:
    headers = {"If-Match": tag} if tag else {}
    return client.patch(ME, json.dumps(body), content_type="application/json", headers=headers)


def test_a_profile_is_found_by_id_and_by_name_with_ids_as_strings(client: Client) -> None:
    ben = user(handle="ben")
    by_id = client.get(f"/api/v1/users/{ben.pk}")
    by_name = client.get("/api/v1/users/@BEN")
    assert by_id.json() == by_name.json()
    assert by_id["ETag"] == by_name["ETag"]
    assert by_id.json()["id"] == str(ben.pk)
    assert by_id.json()["viewer"] == {"is_following": False, "is_followed_by": False, "is_blocking": False}
    assert Client().get("/api/v1/users/@ben").json()["viewer"] is None


@pytest.mark.parametrize("path", ["@nobody", "@no-name", "7", "9" * 19, "9" * 40, "@blocker", "@gone"])
def test_whoever_is_not_for_ones_eyes_is_not_there(client: Client, ada: User, path: str) -> None:
    user(handle="gone", is_active=False)
    block(user(handle="blocker"), ada)
    answer = client.get(f"/api/v1/users/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_edit_needs_the_version_that_it_was_made_from(client: Client, ada: User) -> None:
    ben = user()
    seen = client.get(ME)["ETag"]
    follow(ben, ada)
    assert client.get(ME)["ETag"] != seen
    first = edit(client, {"bio": "first"}, seen)
    assert (first.status_code, first.json()["bio"], first.json()["version"]) == (200, "first", 2)
    assert first["ETag"].startswith('"v2.')
    late = edit(client, {"bio": "second"}, seen)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert client.get(ME).json()["bio"] == "first"
    assert edit(client, {"bio": "third"}).status_code == 200


def test_a_field_that_is_not_there_is_refused_and_nothing_is_written(client: Client) -> None:
    answer = edit(client, {"bio": "new", "handle": "eve"})
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/handle", "unknown_field")]
    assert client.get(ME).json()["bio"] == ""


def test_following_and_blocking_answer_the_profile_as_it_is_then(client: Client, ada: User) -> None:
    ben = user(handle="ben")
    path = f"/api/v1/users/{ben.pk}"
    assert client.put(f"{path}/follow").json()["viewer"]["is_following"] is True
    assert [each["handle"] for each in client.get(f"{path}/followers").json()["items"]] == ["ada"]
    blocked = client.put(f"{path}/block").json()
    assert (blocked["viewer"], blocked["follower_count"]) == (
        {"is_following": False, "is_followed_by": False, "is_blocking": True},
        0,
    )
    refusal = client.put(f"{path}/follow")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "user_is_blocked")
    assert client.delete(f"{path}/block").json()["viewer"]["is_blocking"] is False
    own = client.put(f"/api/v1/users/{ada.pk}/follow")
    assert (own.status_code, own.json()["code"]) == (422, "own_account")
    assert Client().put(f"{path}/follow").status_code == 401
