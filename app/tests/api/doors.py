"""Three ways to ask for a use-case: the function itself, REST and GraphQL; and one form for their answers."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.test import Client
from graphql import GraphQLNamedType, GraphQLObjectType, get_named_type, is_leaf_type

from nexus.api.graphql.schema import CORE, USE_CASES
from nexus.api.rendering import moment
from nexus.api.rest.endpoints import Endpoint
from nexus.api.rest.urls import urlpatterns
from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.shapes import SignedUp, Tokens
from nexus.kernel import use_cases
from nexus.kernel.errors import DomainError
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests.api.calling import GRAPHQL

FIELDS: Final = {use_case: name for name, use_case in USE_CASES.items()}
# Fields that REST has at paths of their own.
_NESTED: Final = frozenset({"replyTo", "nodes"})
_GLOBAL_ID: Final = re.compile(r"(User|Post|Notification):(\d+)")
_SECRETS: Final = frozenset({"access_token", "refresh_token"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A use-case with arguments, for the holder of an access token or for nobody."""

    use_case: str
    token: str | None
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a door answered, in the form that all doors have in common: REST's names, ids as strings, no secrets."""

    code: str
    shown: Any = None
    errors: tuple[tuple[str, str], ...] = ()


Door = Callable[[Asked], Outcome]


def operation(asked: Asked) -> Outcome:
    """Calls the operation or query."""
    use_case = use_cases.REGISTRY[asked.use_case]
    viewer = ANONYMOUS if asked.token is None else viewer_of(asked.token)
    who = {"actor" if use_case.kind == "operation" else "viewer": viewer}
    try:
        return Outcome("ok", _secretless(_plain(use_case.function(**who, **asked.arguments))))
    except DomainError as error:
        return Outcome(error.code, None, tuple((each.pointer, each.code) for each in error.errors))


def rest(asked: Asked) -> Outcome:
    """Sends a request to the REST API."""
    pattern, method, endpoint = ROUTES[asked.use_case]
    arguments, headers = dict(asked.arguments), asked.headers
    path = re.sub(r"<\w+:(\w+)>", lambda found: _segment(found[1], arguments.pop(found[1])), pattern)
    if (page := arguments.pop("page", None)) is not None:
        path += "?" + urlencode({"limit": page.limit, **({"cursor": page.cursor} if page.cursor else {})})
    if (version := arguments.pop("version", None)) is not None:
        headers["If-Match"] = f'"v{version}.0000"'
    body = json.dumps({name: _sent(name, value) for name, value in arguments.items()}) if endpoint.body else None
    assert endpoint.body or not arguments, f"REST has no place for {arguments}"
    request = getattr(Client(), method.lower())
    response = request(f"/api/v1/{path}", data=body, content_type="application/json", headers=headers)
    if response.status_code >= 400:
        problem = response.json()
        assert problem["status"] == response.status_code
        return Outcome(problem["code"], None, tuple((e["pointer"], e["code"]) for e in problem["errors"]))
    assert response.status_code == endpoint.status
    shown = response.json() if response.content else None
    if isinstance(shown, dict) and set(shown) == {"unread_count"}:
        shown = shown["unread_count"]
    return Outcome("ok", _secretless(_without_prev(shown)))


def graphql(asked: Asked) -> Outcome:
    """Sends a document with one field to the GraphQL API, which selects all that REST shows."""
    name = FIELDS[asked.use_case]
    root, kind = next(
        (root, kind)
        for kind, root in (("query", CORE.query_type), ("mutation", CORE.mutation_type))
        if root is not None and name in root.fields
    )
    definition = root.fields[name]
    arguments = {_camel(key): _sent(key, value) for key, value in _paged(asked.arguments).items()}
    if "input" in definition.args:
        arguments = {"input": arguments}
    declared = ", ".join(f"${key}: {definition.args[key].type}" for key in arguments)
    passed = ", ".join(f"{key}: ${key}" for key in arguments)
    document = f"{kind} {f'({declared})' if declared else ''} {{ {name}{f'({passed})' if passed else ''} "
    document += f"{_selection(get_named_type(definition.type))} }}"
    response = Client().post(
        GRAPHQL,
        data={"query": document, "variables": arguments},
        content_type="application/json",
        headers=asked.headers,
    )
    answer = response.json()
    if "errors" in answer:
        assert len(answer["errors"]) == 1, answer
        assert not (answer.get("data") or {}).get(name)
        found = answer["errors"][0]["extensions"]
        return Outcome(found["code"], None, tuple((_pointer(e["pointer"]), e["code"]) for e in found["errors"]))
    assert response.status_code == 200
    shown = answer["data"][name]
    # A field must have a value where REST says 204.
    return Outcome("ok", None if shown is True else _secretless(_as_rest(shown)))


DOORS: Final[dict[str, Door]] = {"operation": operation, "rest": rest, "graphql": graphql}


def _routes() -> Iterator[tuple[str, tuple[str, str, Endpoint]]]:
    for pattern in urlpatterns:
        for method, endpoint in getattr(getattr(pattern.callback, "cls", None), "endpoints", {}).items():
            yield endpoint.use_case.name, (str(pattern.pattern), method, endpoint)


ROUTES: Final = dict(_routes())


def _segment(name: str, value: object) -> str:
    return f"@{value}" if name == "user" and isinstance(value, str) else quote(str(value), safe="")


def _sent(name: str, value: Any) -> Any:
    """An argument as JSON: ids and handles are strings."""
    if name == "user" and isinstance(value, str):
        return f"@{value}"
    return str(value) if (name == "user" or name.endswith("_id")) and value is not None else value


def _paged(arguments: dict[str, Any]) -> dict[str, Any]:
    page: PageRequest | None = arguments.get("page")
    if page is None:
        return arguments
    rest_of = {name: value for name, value in arguments.items() if name != "page"}
    return {**rest_of, "first": page.limit, **({"after": page.cursor} if page.cursor else {})}


def _selection(kind: GraphQLNamedType) -> str:
    """Everything below a type that is no list with arguments of its own."""
    if is_leaf_type(kind):
        return ""
    assert isinstance(kind, GraphQLObjectType)
    below = [
        f"{name} {_selection(get_named_type(each.type))}"
        for name, each in kind.fields.items()
        if not each.args and name not in _NESTED
    ]
    return "{ " + " ".join(below) + " }"


def _plain(value: Any, name: str = "") -> Any:
    """A domain's answer as REST's JSON, by rules for all shapes instead of one function for each."""
    match value:
        case SignedUp():
            return {**_plain(value.tokens), "user": _plain(value.user)}
        case Tokens():
            return {"token_type": "Bearer", **{each.name: getattr(value, each.name) for each in fields(value)}}
        case Page():
            return {"items": [_plain(item) for item in value.items], "next": value.next}
        case datetime():
            return moment(value)
        case tuple():
            return [_plain(item) for item in value]
        case int() if not isinstance(value, bool) and (name == "id" or name.endswith("_id")):
            return str(value)
    if is_dataclass(value):
        # A notification's sequence is the live stream's, not the clients'.
        names = [each.name for each in fields(value) if each.name != "sequence"]
        return {name: _plain(getattr(value, name), name) for name in names}
    return value


def _as_rest(value: Any) -> Any:
    if isinstance(value, dict) and "pageInfo" in value:
        end = value["pageInfo"]["endCursor"] if value["pageInfo"]["hasNextPage"] else None
        return {"items": [_as_rest(edge["node"]) for edge in value["edges"]], "next": end}
    if isinstance(value, dict):
        return {_snake(name): _as_rest(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_as_rest(below) for below in value]
    if isinstance(value, str) and (found := _GLOBAL_ID.fullmatch(value)):
        return found[2]
    return value


def _without_prev(value: Any) -> Any:
    """GraphQL tells the place before a page in another way."""
    if isinstance(value, dict):
        is_page = set(value) == {"items", "next", "prev"}
        return {name: _without_prev(below) for name, below in value.items() if not (is_page and name == "prev")}
    return [_without_prev(below) for below in value] if isinstance(value, list) else value


def _secretless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "..." if name in _SECRETS and below else _secretless(below) for name, below in value.items()}
    return value


def _pointer(pointer: str) -> str:
    return "/limit" if pointer == "/first" else _snake(pointer)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
