"""What a document may ask for."""

import time
from typing import Any

import pytest
from django.conf import settings

from nexus.api.graphql import limits
from nexus.api.graphql.documents import read
from nexus.api.graphql.schema import CORE
from tests import factories as make
from tests.api.calling import ask, codes, post, send
from tests.api.graphql.switches import switched

pytestmark = pytest.mark.django_db


def cost(text: str, **variables: Any) -> int:
    document = read(text, CORE, introspection=True)
    return limits.cost_of(document.operation(None), document.ast, CORE, variables)


def refused(text: str, code: str, **variables: Any) -> str:
    """The sentence with which the document is refused, before anything of it is run."""
    response = post(text, **variables)
    answer = response.json()
    assert response.status_code == 400
    assert "data" not in answer
    assert set(codes(answer)) == {code}
    return str(answer["errors"][0]["message"])


def chain(depth: int) -> str:
    """A document of that many fields inside fields."""
    return "{ post(postId: 1) " + "{ replyTo " * (depth - 2) + "{ id }" + " }" * (depth - 2) + " }"


def test_a_document_that_is_too_deep_is_refused() -> None:
    assert codes(ask(chain(limits.DEPTH_MAX))) == ["not_found"]
    assert refused(chain(limits.DEPTH_MAX + 1), "query_too_deep") == "The document is more than 16 fields deep."


def test_depth_is_counted_through_fragments() -> None:
    half = limits.DEPTH_MAX // 2
    deep = "replyTo { " * half + "id" + " }" * half
    text = f"{{ post(postId: 1) {{ {'replyTo { ' * half} ...rest {'}' * half} }} }} fragment rest on Post {{ {deep} }}"
    refused(text, "query_too_deep")


def test_depth_is_counted_in_a_document_that_no_parser_can_hold() -> None:
    refused("{a" * 400 + "}" * 400, "query_too_deep")
    refused("{" + "... {" * 200 + "me { id }" + "}" * 200 + "}", "query_too_deep")


def test_fragments_in_a_circle_are_refused() -> None:
    text = "{ me { ...a } } fragment a on User { ...b } fragment b on User { ...a }"
    assert "itself" in refused(text, "document_invalid")


def test_a_document_with_too_many_aliases_is_refused() -> None:
    def aliases(count: int) -> str:
        return "{ " + " ".join(f"a{n}: unreadCount" for n in range(count)) + " }"

    assert codes(ask(aliases(limits.ALIASES_MAX))) == ["not_authenticated"] * limits.ALIASES_MAX
    assert refused(aliases(limits.ALIASES_MAX + 1), "query_too_many_aliases") == (
        "The document has 31 aliases; 30 are allowed."
    )


def test_a_document_with_too_many_tokens_is_refused() -> None:
    assert "1500 tokens" in refused("{ " + "me " * limits.TOKENS_MAX + "}", "query_too_long")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ unreadCount }", 1),
        ("{ me { handle } }", 2),
        # 1 + 20 x (edges, node, post, id)
        ("{ homeTimeline { edges { node { post { id } } } } }", 81),
        ("{ homeTimeline(first: 5) { edges { node { post { id } } } } }", 21),
        ("query($n: Int) { homeTimeline(first: $n) { nodes { post { id } } } }", 1 + 7 * 3),
        ("query($m: Int = 3) { homeTimeline(first: $m) { nodes { post { id } } } }", 1 + 3 * 3),
        ("query($n: Int, $m: Int) { homeTimeline(first: $m, last: $n) { nodes { post { id } } } }", 1 + 7 * 3),
        ("query($x: Int) { homeTimeline(last: $x) { nodes { post { id } } } }", 1 + 20 * 3),
        # Lists in lists are multiplied.
        ("{ homeTimeline(first: 5) { nodes { post { likers(first: 4) { nodes { id } } } } } }", 1 + 5 * (3 + 4 * 2)),
        # What has no pages counts ten; the comments of a thread count what the thread was asked for.
        ("{ thread(postId: 1, first: 3) { ancestors { id } comments { nodes { id } } } }", 1 + 1 + 10 + 1 + 3 * 2),
        ("{ me { ...f } } fragment f on User { followers(first: 2) { nodes { id } } }", 1 + 1 + 2 * 2),
        ("{ __schema { types { name } } }", 1),
    ],
)
def test_the_cost_of_a_document_is_how_many_values_its_answer_can_hold(text: str, expected: int) -> None:
    assert cost(text, n=7) == expected


def test_a_page_size_that_is_none_does_not_make_a_document_cheap() -> None:
    text = "query($n: Int) { homeTimeline(first: $n) { nodes { post { id } } } }"
    assert cost(text, n=10**9) == cost(text, n="5") == cost(text, n=[1]) == 301


def test_a_document_that_asks_for_too_much_is_refused_and_nothing_is_read() -> None:
    text = """query($n: Int) { publicTimeline(first: 100) { nodes { post {
        comments(first: $n) { nodes { id text } } } } } }"""
    assert codes(ask(text, n=20)) == []
    assert refused(text, "query_too_costly", n=100) == "The answer could hold 30301 values; 10000 are allowed."
    # The costs of the two page sizes are kept apart.
    assert codes(ask(text, n=20)) == []


def test_fragments_that_double_at_each_step_are_reckoned_in_no_time() -> None:
    steps = "".join(f"fragment f{n} on Post {{ replyTo {{ ...f{n + 1} }} }}" for n in range(12))
    wide = "".join(
        f"fragment g{n} on User {{ ...g{n + 1} ...h{n + 1} }}fragment h{n} on User {{ ...g{n + 1} ...h{n + 1} }}"
        for n in range(40)
    )
    started = time.process_time()
    cost("{ post(postId: 1) { ...f0 } } " + steps + "fragment f12 on Post { id }")
    post("{ me { ...g0 ...h0 } } " + wide + "fragment g40 on User { id } fragment h40 on User { id }")
    assert time.process_time() - started < 2


def test_documents_are_not_taken_in_batches() -> None:
    response = send([{"query": "{ unreadCount }"}, {"query": "{ unreadCount }"}])
    assert response.status_code == 400
    assert codes(response.json()) == ["malformed"]


@pytest.mark.parametrize(
    "text",
    [
        'mutation { a: likePost(postId: "1") { id } b: likePost(postId: "2") { id } }',
        'mutation { likePost(postId: "1") { id } unlikePost(postId: "1") { id } }',
        'mutation { ...two } fragment two on Mutation { likePost(postId: "1") { id } unlikePost(postId: "1") { id } }',
        'mutation { ... { likePost(postId: "1") { id } } }',
    ],
)
def test_one_mutation_at_a_time(text: str) -> None:
    refused(text, "several_mutations")


def test_introspection_can_be_switched_off() -> None:
    asked = "{ __schema { queryType { name } } }"
    assert ask(asked) == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    with switched(graphql_introspection=False):
        assert "introspection has been disabled" in refused(asked, "document_invalid")
        # Neither is the schema told by suggestions.
        assert "Did you mean" not in refused("{ unreadCoun }", "document_invalid")
        assert ask('{ post(postId: "1") { __typename } }')["data"] == {"post": None}
    assert settings.NEXUS.graphql_introspection


def test_introspection_in_a_circle_is_refused() -> None:
    inner = "name"
    for _ in range(4):
        inner = f"fields {{ type {{ {inner} }} }}"
    refused(f"{{ __schema {{ types {{ {inner} }} }} }}", "document_invalid")


def test_an_unknown_field_of_an_input_is_refused_and_nothing_is_written() -> None:
    author = make.user()
    response = post(
        "mutation($input: PublishPostInput!) { publishPost(input: $input) { id } }",
        author,
        input={"text": "Hello", "txet": "Hello"},
    )
    assert response.status_code == 400
    assert codes(response.json()) == ["invalid_input"]
    author.refresh_from_db()
    assert author.post_count == 0
