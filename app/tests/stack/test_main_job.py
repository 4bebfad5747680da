"""What somebody new does on the first evening, through HAProxy, while a replica dies."""

import threading
import uuid
from typing import Any

import pytest

from haproxy.tests.door import wait_until
from tests.stack.client import Person
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

HOME = "{ homeTimeline(first: 5) { edges { node { post { text author { handle } likeCount viewer { isLiked } } } } } }"


def notified(stack: Stack, person: Person, kinds: set[str]) -> list[dict[str, Any]]:
    """The person's notifications, once they are there."""

    def read() -> list[dict[str, Any]]:
        _, page, _ = stack.call("GET", "/api/v1/notifications", headers=person.headers)
        items: list[dict[str, Any]] = page["items"]
        return items

    wait_until(lambda: {item["kind"] for item in read()} == kinds, f"the notifications {kinds}")
    return read()


def test_a_first_evening_by_rest_and_by_graphql_while_a_replica_dies(stack: Stack) -> None:
    ada, ben = stack.sign_up(f"ada_{uuid.uuid4().hex[:8]}"), stack.sign_up(f"ben_{uuid.uuid4().hex[:8]}")
    _, post, _ = stack.call("POST", "/api/v1/posts", {"text": f"Hello #nexus @{ben.handle}"}, ada.headers)
    assert (post["hashtags"], [mention["handle"] for mention in post["mentions"]]) == (["nexus"], [ben.handle])

    stack.webs[0].kill()
    try:
        status, followed, _ = stack.call("PUT", f"/api/v1/users/{ada.id}/follow", headers=keyed(ben))
        assert (status, followed["viewer"]["is_following"]) == (200, True)
        status, liked, _ = stack.call("PUT", f"/api/v1/posts/{post['id']}/like", headers=keyed(ben))
        assert (status, liked["like_count"], liked["viewer"]["is_liked"]) == (200, 1, True)
        answer = {"text": "Well said", "reply_to_id": post["id"]}
        status, _, _ = stack.call("POST", "/api/v1/posts", answer, keyed(ben))
        assert status == 201
        _, home, _ = stack.call("GET", "/api/v1/timelines/home", headers=ben.headers)
        assert post["id"] in [item["post"]["id"] for item in home["items"]]
        status, result, _ = stack.call("POST", "/graphql", {"query": HOME}, keyed(ben))
        assert status == 200
        nodes = [edge["node"]["post"] for edge in result["data"]["homeTimeline"]["edges"]]
        assert {
            "text": post["text"],
            "author": {"handle": ada.handle},
            "likeCount": 1,
            "viewer": {"isLiked": True},
        } in nodes
        for item in notified(stack, ada, {"followed", "liked", "replied"}):
            assert [actor["handle"] for actor in item["actors"]] == [ben.handle]
        notified(stack, ben, {"mentioned"})
    finally:
        stack.webs[0].start()
        wait_until(lambda: stack.door.states()["web1"] == "UP", "the replica to come back")


def keyed(person: Person) -> dict[str, str]:
    return {**person.headers, "Idempotency-Key": str(uuid.uuid4())}


def test_the_same_call_twenty_times_at_once_has_one_effect_and_equal_answers(stack: Stack) -> None:
    person, key = stack.sign_up(f"eve_{uuid.uuid4().hex[:8]}"), str(uuid.uuid4())
    answers: list[tuple[int, str, str]] = []
    start = threading.Barrier(20)

    def send() -> None:
        start.wait()
        status, answer, _ = stack.call(
            "POST", "/api/v1/posts", {"text": key}, {**person.headers, "Idempotency-Key": key}
        )
        answers.append((status, answer.get("id", ""), answer.get("code", "")))

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((written,),) = stack.rows("SELECT id FROM nexus_post WHERE text = %s", key)
    assert set(answers) <= {(201, str(written), ""), (409, "", "idempotency_in_progress")}
    assert len(answers) == 20


def test_mail_leaves_by_the_outbox(stack: Stack) -> None:
    person = stack.sign_up(f"mia_{uuid.uuid4().hex[:8]}")

    def mails() -> list[str]:
        return [path.read_text() for path in (stack.directory / "mail").glob("*.log")]

    wait_until(lambda: any(f"{person.handle}@example.org" in mail for mail in mails()), "the mail")
    (mail,) = [mail for mail in mails() if f"{person.handle}@example.org" in mail]
    assert "https://localhost:8443/confirm-email" in mail


def test_one_request_has_one_id_in_haproxy_web_and_worker(stack: Stack) -> None:
    person = stack.sign_up(f"ivy_{uuid.uuid4().hex[:8]}")
    _, _, headers = stack.call("POST", "/api/v1/posts", {"text": "find me"}, person.headers)
    names = {name.lower(): value for name, value in headers.items()}
    request_id = names["x-request-id"]
    wait_until(lambda: request_id in stack.worker.log.read_text(), "the worker's line")
    assert request_id in stack.door.log.read_text()
    assert any(request_id in web.log.read_text() for web in stack.webs)
