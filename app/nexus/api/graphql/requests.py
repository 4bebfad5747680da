"""From an HTTP request to the parameters of GraphQL over HTTP, and what the client wants the answer to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.http import HttpRequest
from django.http.request import MediaType

from nexus.api.graphql.documents import hash_of, trusted_text
from nexus.api.graphql.errors import DocumentNotTrusted
from nexus.api.requests import read_json
from nexus.kernel.errors import (
    FieldError,
    InvalidInput,
    Malformed,
    NotAcceptable,
)

GRAPHQL: Final = "application/graphql-response+json"
JSON: Final = "application/json"
_KINDS: Final[dict[str, type]] = {
    "query": str,
    "documentId": str,
    "operationName": str,
    "variables": dict,
    "extensions": dict,
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is to be run. `is_trusted`: the text came from our list, by its hash."""

    text: str
    is_trusted: bool
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)


def answer_type(request: HttpRequest) -> str:
    """The media type of the answer; the newer one where both will do. Raises NotAcceptable."""
    accepted = request.headers.get("Accept", "").strip()
    if not accepted:
        return GRAPHQL
    found = request.get_preferred_type([GRAPHQL, JSON])
    if found is None:
        raise NotAcceptable(f"Answers are {GRAPHQL} or {JSON}.")
    return found


def is_browser(request: HttpRequest) -> bool:
    """Whether a page is wanted, as browsers say when a person types the address."""
    return any(each.main_type == "text" and each.sub_type == "html" for each in _media_types(request))


def _media_types(request: HttpRequest) -> list[MediaType]:
    return [MediaType(part) for part in request.headers.get("Accept", "").split(",") if part.strip()]


def from_body(request: HttpRequest) -> Parameters:
    """The parameters in the body of a POST."""
    data = read_json(request)
    if not isinstance(data, dict):
        raise Malformed("Send one JSON object: documents are not taken in batches.")
    return _parameters(data)


def from_query(request: HttpRequest) -> Parameters:
    """The parameters of a GET, which takes trusted documents only: what a proxy may send again is known beforehand."""
    data: dict[str, Any] = {name: str(request.GET[name]) for name in request.GET}
    for name in ("variables", "extensions"):
        if name in data:
            try:
                data[name] = orjson.loads(data[name])
            except orjson.JSONDecodeError:
                raise InvalidInput.at(f"/{name}", "wrong_type", f"{name} must be a JSON object.") from None
    found = _parameters(data)
    if not found.is_trusted:
        raise DocumentNotTrusted("GET takes a trusted document by its hash; send any other by POST.")
    return found


def _parameters(data: Mapping[str, Any]) -> Parameters:
    if wrong := [error for name, value in data.items() if (error := _field_error(name, value))]:
        raise InvalidInput(errors=wrong)
    given = {name: value for name, value in data.items() if value is not None}
    digest = _digest(given)
    text: str | None = given.get("query")
    if digest is None and text is None:
        raise InvalidInput.at("/query", "required", "Send the document as query, or the hash of a trusted one.")
    if digest is not None and text is not None and hash_of(text) != digest:
        raise InvalidInput.at("/documentId", "wrong_hash", "The hash is not that of the document in query.")
    return Parameters(
        text=trusted_text(digest) if text is None and digest is not None else str(text),
        is_trusted=digest is not None and text is None,
        operation_name=given.get("operationName"),
        variables=given.get("variables", {}),
    )


def _field_error(name: str, value: object) -> FieldError | None:
    if name not in _KINDS:
        return FieldError(f"/{name}", "unknown_field", f"There is no parameter {name[:80]!r} here.")
    if value is not None and not isinstance(value, _KINDS[name]):
        shown = "an object" if _KINDS[name] is dict else "a string"
        return FieldError(f"/{name}", "wrong_type", f"{name} must be {shown}.")
    return None


def _digest(given: Mapping[str, Any]) -> str | None:
    """The hash of a trusted document: `documentId`, or what Apollo's clients send in `extensions`."""
    if (named := given.get("documentId")) is not None:
        return str(named).removeprefix("sha256:")
    persisted = given.get("extensions", {}).get("persistedQuery")
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return digest if isinstance(digest, str) else None
