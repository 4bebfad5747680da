"""Calls from outside, over HTTP, for the tests of the doors."""

from typing import Any

from django.test import Client

from nexus.domain.identity import logins
from nexus.domain.users.models import User

GRAPHQL = "/graphql"


def bearer(person: User | None) -> dict[str, str]:
    """The header of a call by this person; nothing for nobody."""
    return {} if person is None else {"Authorization": f"Bearer {logins.begin(person).access_token}"}


def ask(document: str, person: User | None = None, *, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    """The answer to a GraphQL document, which must be one of HTTP status 200."""
    response = post(document, person, headers=headers, **variables)
    assert response.status_code == 200, response.content
    return response.json()


def post(document: str, person: User | None = None, *, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    """The HTTP response to a GraphQL document."""
    return send({"query": document, "variables": variables}, {**bearer(person), **(headers or {})})


def send(body: Any, headers: dict[str, str] | None = None) -> Any:
    """The HTTP response to a body that is JSON, whatever it says."""
    return Client(raise_request_exception=False).post(
        GRAPHQL, data=body, content_type="application/json", headers=headers or {}
    )


def codes(answer: Any) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", [])]
