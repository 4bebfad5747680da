"""Connections: cursors are those of REST, statements are as many whatever the data, and nothing leaks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from nexus.domain.users.models import User
from tests import factories as make
from tests.api.calling import ask, bearer, codes

pytestmark = pytest.mark.django_db

PAGE = "edges { cursor node { post { text } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
PUBLIC = f"""query($first: Int, $after: String, $last: Int, $before: String) {{
    publicTimeline(first: $first, after: $after, last: $last, before: $before) {{ {PAGE} }} }}"""


def public(**arguments: Any) -> Any:
    answer = ask(PUBLIC, **arguments)
    assert "errors" not in answer
    return answer["data"]["publicTimeline"]


def texts(page: Any) -> list[str]:
    return [edge["node"]["post"]["text"] for edge in page["edges"]]


@pytest.fixture
def seven() -> None:
    """Public posts with the texts 7 (newest) to 1."""
    author = make.user()
    for n in range(1, 8):
        make.post(author, text=str(n))


@pytest.mark.usefixtures("seven")
def test_pages_follow_each_other_to_the_end_and_back() -> None:
    first = public(first=3)
    assert texts(first) == ["7", "6", "5"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert first["pageInfo"]["hasPreviousPage"] is False
    assert first["pageInfo"]["startCursor"] == first["edges"][0]["cursor"]
    assert first["pageInfo"]["endCursor"] == first["edges"][-1]["cursor"]
    second = public(first=3, after=first["pageInfo"]["endCursor"])
    assert texts(second) == ["4", "3", "2"]
    assert second["pageInfo"]["hasPreviousPage"] is True
    third = public(first=3, after=second["pageInfo"]["endCursor"])
    assert texts(third) == ["1"]
    assert third["pageInfo"]["hasNextPage"] is False
    back = public(last=3, before=third["pageInfo"]["startCursor"])
    assert texts(back) == ["4", "3", "2"]
    assert (back["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, True)
    newest = public(last=3, before=first["pageInfo"]["startCursor"])
    assert texts(newest) == []
    assert newest["pageInfo"]["hasPreviousPage"] is False


@pytest.mark.usefixtures("seven")
def test_every_edge_has_its_own_cursor_for_both_directions() -> None:
    middle = public(first=7)["edges"][3]
    assert middle["node"]["post"]["text"] == "4"
    assert texts(public(first=2, after=middle["cursor"])) == ["3", "2"]
    assert texts(public(last=2, before=middle["cursor"])) == ["6", "5"]


@pytest.mark.usefixtures("seven")
def test_cursors_of_rest_are_taken_and_given() -> None:
    client = Client()
    page = client.get("/api/v1/timelines/public?limit=3").json()
    assert texts(public(first=2, after=page["next"])) == ["4", "3"]
    make.post(text="8")
    assert texts(public(last=2, before=page["prev"])) == ["8"]
    end = public(first=5)["pageInfo"]["endCursor"]
    by_rest = client.get("/api/v1/timelines/public", {"cursor": end, "limit": 2}).json()
    assert [item["post"]["text"] for item in by_rest["items"]] == ["3", "2"]


@pytest.mark.parametrize(
    ("arguments", "code", "pointer"),
    [
        ({"first": 0}, "invalid_input", "/first"),
        ({"first": -1}, "invalid_input", "/first"),
        ({"first": 101}, "invalid_input", "/first"),
        ({"last": 101, "before": "x"}, "invalid_input", "/last"),
        ({"last": 5}, "invalid_input", "/last"),
        ({"first": 5, "before": "x"}, "invalid_input", "/before"),
        ({"after": "x", "before": "x"}, "invalid_input", "/before"),
        ({"after": "x"}, "invalid_cursor", None),
        ({"before": ""}, "invalid_cursor", None),
    ],
)
def test_what_is_no_page_is_refused(arguments: dict[str, Any], code: str, pointer: str | None) -> None:
    answer = ask(PUBLIC, **arguments)
    assert codes(answer) == [code]
    assert answer["data"] == {"publicTimeline": None}
    pointers = [error["pointer"] for error in answer["errors"][0]["extensions"]["errors"]]
    assert pointers == ([] if pointer is None else [pointer])


def test_a_cursor_of_another_list_is_refused() -> None:
    one, other = make.user(), make.user()
    make.follow(one, other)
    asked = "query($id: ID!, $after: String) { followers(userId: $id, after: $after) { edges { cursor } } }"
    cursor = ask(asked, id=str(other.pk))["data"]["followers"]["edges"][0]["cursor"]
    assert codes(ask(asked, id=str(other.pk), after=cursor)) == []
    assert codes(ask(asked, id=str(one.pk), after=cursor)) == ["invalid_cursor"]


NESTED = """query($n: Int) { homeTimeline(first: 50) { nodes { post {
    author { handle followers(first: $n) { nodes { handle posts(first: 2) { nodes { post { text } } } } }
             following(first: $n) { nodes { handle } } posts(first: $n) { nodes { post { text author { handle } } } } }
    likers(first: $n) { nodes { handle } }
    comments(first: $n) { nodes { text author { handle } likers(first: 2) { nodes { handle } } replyTo { text } } }
    replyTo { text author { handle } }
} } } }"""


def community(reader: User, size: int) -> None:
    """So many people whom the reader follows, each with a post, a comment on it, a like and a follower."""
    people = [make.user() for _ in range(size)]
    for person, neighbour in zip(people, people[1:] + people[:1], strict=True):
        make.follow(reader, person)
        make.follow(neighbour, person)
        written = make.post(person)
        make.like(neighbour, written)
        make.like(neighbour, make.post(neighbour, reply_to=written))


def test_the_statements_of_a_document_are_as_many_for_ten_as_for_fifty() -> None:
    counts = {}
    for size in (10, 50):
        reader = make.user()
        community(reader, size)
        headers = bearer(reader)
        ask(NESTED, n=1, headers=headers)  # so that the token is known
        with CaptureQueriesContext(connection) as captured:
            answer = ask(NESTED, n=1, headers=headers)
        assert "errors" not in answer
        posts = [node["post"] for node in answer["data"]["homeTimeline"]["nodes"]]
        assert len(posts) == min(50, 2 * size)
        # All places of the document are filled.
        assert all(post["author"]["posts"]["nodes"] for post in posts)
        assert all(post["author"]["followers"]["nodes"][0]["posts"]["nodes"] for post in posts)
        assert all(post["replyTo"] or post["comments"]["nodes"][0]["likers"]["nodes"] for post in posts)
        counts[size] = len(captured)
    # The timeline, and nine places below it in two or three statements each.
    assert counts == {10: 31, 50: 31}


def test_one_document_asks_once_for_the_same_list_under_two_names() -> None:
    reader = make.user()
    make.follow(make.user(), reader)
    headers = bearer(reader)

    def statements(document: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert "errors" not in ask(document, headers=headers)
        return len(captured)

    statements("{ me { id } }")
    once = statements("{ me { followers(first: 3) { nodes { id } } } }")
    twice = "{ me { a: followers(first: 3) { nodes { id } } b: followers(first: 3) { nodes { handle } } } }"
    assert statements(twice) == once


def test_a_cursor_below_a_list_is_taken_for_one_parent_only() -> None:
    reader = make.user()
    community(reader, 3)
    asked = """query($id: ID!, $after: String) { node(id: $id) { ... on Post {
        comments(first: 1, after: $after) { edges { cursor node { text } } } } } }"""
    parent = make.post()
    for n in range(3):
        make.post(reply_to=parent, text=str(n))
    comments = ask(asked, id=f"Post:{parent.pk}")["data"]["node"]["comments"]["edges"]
    assert [edge["node"]["text"] for edge in comments] == ["0"]
    comments = ask(asked, id=f"Post:{parent.pk}", after=comments[0]["cursor"])["data"]["node"]["comments"]["edges"]
    assert [edge["node"]["text"] for edge in comments] == ["1"]
    many = "query($after: String) { homeTimeline { nodes { post { comments(after: $after) { nodes { id } } } } } }"
    headers = bearer(reader)
    ask("{ homeTimeline { nodes { post { id } } } }", headers=headers)
    with CaptureQueriesContext(connection) as plain:
        ask("{ homeTimeline { nodes { post { id } } } }", headers=headers)
    with CaptureQueriesContext(connection) as captured:
        answer = ask(many, headers=headers, after=comments[0]["cursor"])
    assert set(codes(answer)) == {"invalid_input"}
    assert len(captured) == len(plain)


LISTS: list[tuple[str, Callable[[dict[str, User]], dict[str, Any]]]] = [
    ("{ homeTimeline { nodes { post { text } } } }", lambda _: {}),
    ("{ publicTimeline { nodes { post { text author { posts { nodes { post { text } } } } } } } }", lambda _: {}),
    ('{ hashtagTimeline(hashtag: "secret") { nodes { post { text } } } }', lambda _: {}),
    ("query($id: ID!) { userTimeline(userId: $id) { nodes { post { text } } } }", lambda p: {"id": p["author"].pk}),
    ("query($id: ID!) { profile(user: $id) { posts { nodes { post { text } } } } }", lambda p: {"id": p["author"].pk}),
    (
        "query($id: ID!) { profile(user: $id) { followers { nodes { posts { nodes { post { text } } } } } } }",
        lambda p: {"id": p["author"].pk},
    ),
    (
        "query($id: ID!) { profile(user: $id) { following { nodes { posts { nodes { post { text } } } } } } }",
        lambda p: {"id": p["friend"].pk},
    ),
    (
        "query($id: ID!) { thread(postId: $id) { post { text } ancestors { text } comments { nodes { text } } } }",
        lambda p: {"id": p["parent"].pk},
    ),
    (
        "query($id: ID!) { post(postId: $id) { comments(first: 9) { nodes { text comments { nodes { id } } } } } }",
        lambda p: {"id": p["parent"].pk},
    ),
    (
        "query($id: ID!) { post(postId: $id) { replyTo { text likers { nodes { handle } } } } }",
        lambda p: {"id": p["child"].pk},
    ),
    ("query($id: ID!) { thread(postId: $id) { ancestors { text } } }", lambda p: {"id": p["child"].pk}),
    ("query($id: ID!) { node(id: $id) { ... on Post { text } } }", lambda p: {"id": f"Post:{p['secret'].pk}"}),
    ("query($id: ID!) { post(postId: $id) { text } }", lambda p: {"id": p["secret"].pk}),
    ("{ notifications(first: 5) { nodes { actors { posts { nodes { post { text } } } } } } }", lambda _: {}),
]


@pytest.fixture
def places() -> dict[str, Any]:
    """A followers-only post in a public thread: its author's friend may see it, a stranger may not."""
    author, friend, stranger, other = make.user(), make.user(), make.user(), make.user()
    make.follow(friend, author)
    make.follow(stranger, other)
    parent = make.post(other, text="public parent")
    secret = make.post(author, text="SECRET", visibility="followers", hashtags=["secret"], reply_to=parent)
    child = make.post(author, text="public child", reply_to=secret)
    make.like(friend, secret)
    people = {"author": author, "friend": friend, "stranger": stranger}
    return {**people, "parent": parent, "secret": secret, "child": child}


@pytest.mark.parametrize(("document", "arguments"), LISTS, ids=[document[:60] for document, _ in LISTS])
def test_a_followers_only_post_is_nowhere_for_a_stranger(
    places: dict[str, Any], document: str, arguments: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    variables: dict[str, Any] = {name: str(value) for name, value in arguments(places).items()}
    for person in (places["stranger"], None):
        assert "SECRET" not in str(ask(document, person, **variables))


def test_a_followers_only_post_is_there_for_a_follower(places: dict[str, Any]) -> None:
    asked = "query($id: ID!) { post(postId: $id) { text comments { nodes { text } } } }"
    parent = ask(asked, places["friend"], id=str(places["parent"].pk))["data"]["post"]
    assert [comment["text"] for comment in parent["comments"]["nodes"]] == ["SECRET"]


def test_what_is_hidden_and_what_does_not_exist_have_the_same_answer(places: dict[str, Any]) -> None:
    asked = "query($id: ID!) { post(postId: $id) { text } node(id: $id) { id } likers(postId: $id) { nodes { id } } }"
    hidden = ask(asked, places["stranger"], id=f"Post:{places['secret'].pk}")
    missing = ask(asked, places["stranger"], id="Post:1")
    assert hidden == missing
    assert codes(hidden) == ["not_found", "not_found"]


def test_who_is_blocked_is_in_no_nested_list(places: dict[str, Any]) -> None:
    author, friend, other = places["author"], places["friend"], make.user()
    make.follow(other, author)
    shared = make.post(author)
    make.like(friend, shared)
    make.block(friend, other)
    asked = """query($id: ID!) { profile(user: $id) { followers { nodes { handle } } }
        post(postId: $post) { likers { nodes { handle } } } }""".replace("$id: ID!", "$id: ID!, $post: ID!")
    answer = ask(asked, other, id=str(author.pk), post=str(shared.pk))["data"]
    assert [person["handle"] for person in answer["profile"]["followers"]["nodes"]] == [other.handle]
    assert answer["post"]["likers"]["nodes"] == []


def test_ids_name_their_type_and_the_bare_number_is_taken() -> None:
    person = make.user()
    asked = "query($id: ID!) { profile(user: $id) { id } }"
    expected = {"data": {"profile": {"id": f"User:{person.pk}"}}}
    for text in (f"User:{person.pk}", str(person.pk), f"@{person.handle}"):
        assert ask(asked, id=text) == expected
    for text in (f"Post:{person.pk}", "User:", "User:x", "", "-1", "9" * 40):
        assert codes(ask(asked, id=text)) == ["not_found"]


def test_a_node_is_found_by_its_global_id_alone() -> None:
    written = make.post(text="Hello")
    asked = "query($id: ID!) { node(id: $id) { id ... on Post { text } ... on User { handle } } }"
    assert ask(asked, id=f"Post:{written.pk}")["data"]["node"] == {"id": f"Post:{written.pk}", "text": "Hello"}
    author = {"id": f"User:{written.author_id}", "handle": written.author.handle}
    assert ask(asked, id=f"User:{written.author_id}")["data"]["node"] == author
    for text in (str(written.pk), f"User:{written.pk}", "Notification:1", "Post:x", ""):
        assert ask(asked, id=text) == {"data": {"node": None}}
