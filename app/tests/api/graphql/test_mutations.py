"""A mutation takes effect once for each key, or not at all; and nobody reads what failed inside of us."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection

from nexus.domain.posts.models import Post
from nexus.domain.users import queries as users
from nexus.kernel import database, logging
from nexus.kernel.idempotency import IdempotencyKey
from nexus.kernel.outbox import OutboxEvent
from tests import factories as make
from tests.api.calling import bearer, codes, post, send

pytestmark = pytest.mark.django_db(transaction=True)

PUBLISH = "mutation($text: String!) { publishPost(input: {text: $text}) { id text author { handle } } }"
KEY = {"Idempotency-Key": "0123456789abcdef"}


def test_a_mutation_that_is_sent_twice_has_one_effect_and_one_answer() -> None:
    headers = {**bearer(make.user()), **KEY}
    first, second = (post(PUBLISH, headers=headers, text="Hello") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert first.json()["data"]["publishPost"]["text"] == "Hello"
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Post.objects.count() == 1
    assert OutboxEvent.objects.filter(name="PostPublished").count() == 1


def test_a_key_belongs_to_one_body() -> None:
    headers = {**bearer(make.user()), **KEY}
    post(PUBLISH, headers=headers, text="Hello")
    other = post(PUBLISH, headers=headers, text="Something else")
    assert other.status_code == 422
    assert codes(other.json()) == ["idempotency_key_reused"]
    assert Post.objects.count() == 1


def test_a_key_that_is_none_is_refused() -> None:
    response = post(PUBLISH, make.user(), headers={"Idempotency-Key": "short"}, text="Hello")
    assert response.status_code == 400
    assert codes(response.json()) == ["idempotency_key_invalid"]
    assert Post.objects.count() == 0


def test_a_mutation_that_fails_leaves_nothing_and_its_key_is_free() -> None:
    headers = {**bearer(make.user()), **KEY}
    refused = post(PUBLISH, headers=headers, text=" ")
    assert refused.status_code == 200
    assert refused.json()["data"] is None
    assert codes(refused.json()) == ["invalid_input"]
    assert IdempotencyKey.objects.count() == 0
    assert post(PUBLISH, headers=headers, text="Hello").json()["data"]["publishPost"]["text"] == "Hello"


def test_an_error_below_the_field_undoes_the_effect_too() -> None:
    asked = 'mutation { publishPost(input: {text: "Hello"}) { id comments(first: 0) { nodes { id } } } }'
    answer = post(asked, make.user(), headers=KEY).json()
    assert answer["data"] is None
    assert codes(answer) == ["invalid_input"]
    assert answer["errors"][0]["path"] == ["publishPost", "comments"]
    assert (Post.objects.count(), OutboxEvent.objects.count(), IdempotencyKey.objects.count()) == (0, 0, 0)


def test_tokens_are_stored_encrypted_and_replayed() -> None:
    author = make.user(password=make.PASSWORD)
    asked = "mutation($who: String!, $word: String!) { logIn(login: $who, password: $word) { refreshToken } }"
    first, second = (post(asked, headers=KEY, who=author.handle, word=make.PASSWORD) for _ in range(2))
    token = first.json()["data"]["logIn"]["refreshToken"]
    assert second.json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    row = IdempotencyKey.objects.get()
    assert row.is_secret
    assert token.encode() not in bytes(row.body)


def test_a_mutation_of_twenty_at_once_has_one_effect() -> None:
    headers = {**bearer(make.user()), **KEY}

    def publish(_: int) -> tuple[int, bytes]:
        try:
            response = post(PUBLISH, headers=headers, text="Hello")
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(publish, range(20)))
    assert Post.objects.count() == 1
    assert len({body for status, body in answers if status == 200}) == 1
    assert {status for status, _ in answers} <= {200, 409}


class Faults:
    """Fails a query a few times, then lets it be."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.calls = 0
        self.real = users.profile

    def __call__(self, **arguments: Any) -> Any:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.real(**arguments)


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int = 1) -> Faults:
    faults = Faults(error, times)
    monkeypatch.setattr(users, "profile", faults)
    return faults


def test_a_mutation_on_the_wrong_node_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # follow_user reads the profile after it has written: the first try is undone whole.
    reader, author = make.user(), make.user()
    faults = failing(monkeypatch, OperationalError("server closed the connection unexpectedly"), times=2)
    asked = "mutation($id: ID!) { followUser(userId: $id) { viewer { isFollowing } } }"
    answer = post(asked, reader, headers=KEY, id=str(author.pk)).json()
    assert answer == {"data": {"followUser": {"viewer": {"isFollowing": True}}}}
    assert faults.calls == 3
    author.refresh_from_db()
    assert author.follower_count == 1
    assert OutboxEvent.objects.count() == 1


def test_a_query_on_the_wrong_node_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    person = make.user()
    failing(monkeypatch, OperationalError("terminating connection"), times=1)
    answer = post("query($id: ID!) { profile(user: $id) { handle } }", id=str(person.pk)).json()
    assert answer == {"data": {"profile": {"handle": person.handle}}}


def test_a_database_that_stays_away_is_a_503_with_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "remaining", lambda: 0.2)
    person = make.user()
    failing(monkeypatch, OperationalError("could not connect to server"), times=1000)
    response = send({"query": f'{{ profile(user: "{person.pk}") {{ handle }} }}'})
    assert response.status_code == 503
    assert codes(response.json()) == ["unavailable"]
    assert int(response["Retry-After"]) >= 1
    assert "could not connect" not in response.content.decode()


@pytest.mark.parametrize("error", [ValueError("the secret of the house"), DatabaseError("relation is secret")])
def test_a_fault_of_ours_is_told_to_the_log_and_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(logging.log, "error", lambda event, **fields: logged.append((event, fields["exc_info"])))
    person = make.user()
    failing(monkeypatch, error, times=5)
    response = post("query($id: ID!) { profile(user: $id) { handle } }", id=str(person.pk))
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    answer = response.json()
    assert answer["data"] == {"profile": None}
    assert answer["errors"][0]["message"] == "Something went wrong on our side"
    assert codes(answer) == ["internal"]
    assert logged == [("unexpected_error", error)]
    # What else was asked for is answered, and the status is that of an answer.
    response = post("query($id: ID!) { profile(user: $id) { handle } instance { name } }", id=str(person.pk))
    assert response.status_code == 200
    assert response.json()["data"] == {"profile": None, "instance": {"name": "localhost"}}
