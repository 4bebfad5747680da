"""How fresh answers are where reads go to replicas: what clients send and are told, through every door."""

from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from nexus.api.freshness import COOKIE, STALE, WRITTEN
from nexus.domain.identity import logins
from nexus.domain.identity.models import Login
from nexus.domain.identity.viewers import verified
from nexus.domain.timelines import feeds
from nexus.domain.users.models import User
from nexus.kernel import metrics, redis, replication
from nexus.kernel.nodes import PRIMARY, REPLICA
from tests import factories as make
from tests.api.calling import GRAPHQL, bearer
from tests.standby import Replica, away, forget_what_redis_knows

API = "/api/v1/"


def get(path: str, headers: dict[str, str] | None = None, client: Client | None = None) -> Any:
    return (client or Client(raise_request_exception=False)).get(API + path, headers=headers or {})


def post(path: str, body: object, headers: dict[str, str] | None = None, client: Client | None = None) -> Any:
    return (client or Client()).post(API + path, body, content_type="application/json", headers=headers or {})


def ask(document: str, headers: dict[str, str]) -> Any:
    return Client(raise_request_exception=False).post(
        GRAPHQL, {"query": document}, content_type="application/json", headers=headers
    )


def counted(node: str) -> float:
    return float(metrics.READS.labels(node)._value.get())


@pytest.fixture
def ada(replica: Replica) -> User:
    return make.user(handle="ada")


@pytest.fixture
def ada_s(ada: User, replica: Replica) -> dict[str, str]:
    """Ada's header, which every node knows."""
    headers = bearer(ada)
    replica.catch_up()
    return headers


def test_a_get_needs_no_primary(replica: Replica, ada_s: dict[str, str]) -> None:
    before = counted("replica")
    with CaptureQueriesContext(connections[PRIMARY]) as asked:
        answer = get("me", ada_s)
    assert (answer.status_code, answer.json()["handle"], STALE in answer) == (200, "ada", False)
    assert len(asked) == 0
    assert counted("replica") == before + 2  # who asks, and what
    with away(PRIMARY):
        answers = [get("me", ada_s), get("timelines/home", ada_s), ask("{ me { handle } }", ada_s), get("users/@ada")]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not [answer for answer in answers if STALE in answer]


def test_it_costs_one_round_trip_more_which_asks_how_far_the_replica_is(
    replica: Replica, ada_s: dict[str, str]
) -> None:
    get("me", ada_s)
    with CaptureQueriesContext(connections[REPLICA]) as asked:
        get("me", ada_s)
    assert len(asked) == 2


def test_a_change_is_told_by_a_header_and_a_cookie(replica: Replica, ada_s: dict[str, str]) -> None:
    answer = post("posts", {"text": "Hello"}, ada_s)
    assert answer.status_code == 201
    assert len(answer[WRITTEN]) == 28
    cookie = answer.cookies[COOKIE]
    assert (cookie.value, cookie["max-age"], cookie["httponly"], cookie["samesite"], cookie["secure"]) == (
        answer[WRITTEN], 30, True, "Strict", True,
    )  # fmt: skip


def test_a_read_tells_how_far_it_saw_and_sets_no_cookie(replica: Replica, ada_s: dict[str, str]) -> None:
    answer = get("me", ada_s)
    assert len(answer[WRITTEN]) == 28
    assert COOKIE not in answer.cookies
    anonymous = get("users/@ada")
    assert (anonymous.status_code, WRITTEN in anonymous) == (200, False)


@pytest.mark.parametrize("how", ["redis", "header", "cookie"])
def test_who_has_written_reads_his_write(replica: Replica, ada: User, ada_s: dict[str, str], how: str) -> None:
    with replica.paused():
        made = post("posts", {"text": "Hello"}, ada_s)
        path = f"posts/{made.json()['id']}"
        client, headers = Client(), dict(ada_s)
        if how != "redis":
            forget_what_redis_knows(make.viewer(ada))
        if how == "header":
            headers[WRITTEN] = made[WRITTEN]
        if how == "cookie":
            client.cookies[COOKIE] = made.cookies[COOKIE].value
        before = counted("primary"), counted("replica")
        home = get("timelines/home", headers, client)
        assert [item["post"]["id"] for item in home.json()["items"]] == [made.json()["id"]]
        assert counted("primary") > before[0]
        assert get(path, headers, client).status_code == 200
        answer = ask("{ homeTimeline { nodes { post { text } } } }", headers)
        assert answer.json()["data"]["homeTimeline"]["nodes"] == [{"post": {"text": "Hello"}}]


def test_a_mutation_is_told_too(replica: Replica, ada_s: dict[str, str]) -> None:
    answer = ask('mutation { publishPost(input: {text: "Hello"}) { text } }', ada_s)
    assert answer.json()["data"]["publishPost"] == {"text": "Hello"}
    assert len(answer[WRITTEN]) == 28


def test_who_has_just_signed_up_is_known_everywhere(replica: Replica) -> None:
    with replica.paused():
        body = {"handle": "ben", "email": "ben@example.org", "password": make.PASSWORD}
        tokens = post("identity/sign-up", body).json()
        me = get("me", {"Authorization": f"Bearer {tokens['access_token']}"})
    assert (me.status_code, me.json()["handle"]) == (200, "ben")


def test_a_login_that_a_replica_believes_is_not_believed_for_as_long(
    replica: Replica, ada: User, ada_s: dict[str, str]
) -> None:
    verified.forget(user_id=ada.pk)
    assert get("me", ada_s).status_code == 200
    token = ada_s["Authorization"].removeprefix("Bearer ")
    assert verified.get(token) is not None
    assert verified.get(token, by_primary=True) is None
    assert post("posts", {"text": "Hello"}, ada_s).status_code == 201
    assert verified.get(token, by_primary=True) is not None


def test_a_write_believes_the_primary_and_not_a_replica(replica: Replica, ada: User, ada_s: dict[str, str]) -> None:
    with replica.paused():
        assert get("me", ada_s).status_code == 200
        Login.objects.filter(user=ada).update(ended_at="2025-01-01T00:00Z")
        assert post("posts", {"text": "Hello"}, ada_s).status_code == 401
        assert ask('mutation { publishPost(input: {text: "Hello"}) { text } }', ada_s).status_code == 401


def test_what_graphql_does_not_find_at_a_replica_is_asked_of_the_primary(
    replica: Replica, ada: User, ada_s: dict[str, str]
) -> None:
    with replica.paused():
        ben = make.user(handle="ben")
        answer = ask('{ profile(user: "@ben") { handle } }', ada_s)
    assert answer.json() == {"data": {"profile": {"handle": ben.handle}}}


def test_a_late_answer_says_so(replica: Replica, ada_s: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "LAG_MAX_S", -1.0)
    assert STALE not in get("me", ada_s)
    with away(PRIMARY):
        for answer in (get("me", ada_s), ask("{ me { handle } }", ada_s)):
            assert answer.status_code == 200
            assert int(answer[STALE]) >= 1


def test_without_any_database_the_last_answer_is_given_to_the_same_login_only(
    replica: Replica, ada: User, ada_s: dict[str, str]
) -> None:
    other = bearer(ada)
    replica.catch_up()
    document = "{ me { handle } }"
    first = get("me", ada_s), ask(document, ada_s)
    verified.forget(user_id=ada.pk)
    with replica.away(), away(PRIMARY):
        again = get("me", ada_s), ask(document, ada_s)
        assert [answer.content for answer in again] == [answer.content for answer in first]
        assert [int(answer[STALE]) >= 1 for answer in again] == [True, True]
        refused = get("me", other), ask(document, other), get("notifications", ada_s), ask("{ unreadCount }", ada_s)
    assert [answer.status_code for answer in refused] == [503] * 4


def test_after_a_log_out_nothing_is_given_any_more(replica: Replica, ada: User, ada_s: dict[str, str]) -> None:
    assert get("me", ada_s).status_code == 200
    assert post("identity/log-out", {}, ada_s).status_code == 204
    with replica.away(), away(PRIMARY):
        assert get("me", ada_s).status_code == 503
    assert get("me", ada_s).status_code == 401


def test_an_index_of_a_timeline_is_never_built_from_a_replica(
    replica: Replica, ada: User, ada_s: dict[str, str]
) -> None:
    ben = make.user(handle="ben")
    make.follow(ada, ben)
    replica.catch_up()
    with replica.paused():
        post_ = make.post(ben)
        assert get("timelines/home", ada_s).json()["items"] == []  # the replica has not seen it
    replica.catch_up()
    assert [item["post"]["id"] for item in get("timelines/home", ada_s).json()["items"]] == [str(post_.pk)]
    assert list(redis.client().keys("feed:*")) == [feeds.Feed(ada.pk, 0).key.encode()]


@pytest.mark.django_db(transaction=True)
def test_without_replicas_nobody_is_told_anything() -> None:
    headers = {"Authorization": f"Bearer {logins.begin(make.user()).access_token}", WRITTEN: "A" * 28}
    answers = post("posts", {"text": "Hello"}, headers), get("me", headers)
    assert [answer.status_code for answer in answers] == [201, 200]
    assert not [answer for answer in answers if WRITTEN in answer or STALE in answer or answer.cookies]
