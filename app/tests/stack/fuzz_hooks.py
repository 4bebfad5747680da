"""What schemathesis asks of us while it runs (it imports this module): a login, and what a schema cannot say."""

import json
import os
import random
import re
import uuid
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.graphql import nodes
from schemathesis.graphql.checks import GraphQLClientError, GraphQLServerError
from schemathesis.openapi.checks import RejectedPositiveData

# What no call may be answered in GraphQL, whose errors have no status of their own: our faults, and complaints about a
# document that fits the schema. Every other refusal is an answer like data.
_FAULTS = {"internal", "document_invalid", "malformed", "unavailable", "outcome_unknown", "timeout"}
# Answers to calls that are well formed, by what only the server knows.
_STATE = {
    "idempotency_key_reused",  # which keys have been used
    "invalid_cursor",  # which cursors it has signed, and for which list
    "invalid_key",  # which keys it has sent by mail
    "own_account",  # who asks
    "precondition_failed",  # which version is the current one
}
# The same for single values: rules that are no regular expression, or one that nobody could read.
_RULES = {
    "blank",  # all characters are invisible
    "control_character",  # a carriage return that ends no line; surrogates
    "invalid",  # what Unicode calls a letter: a hashtag must have one
    "invalid_email",  # the standard's addresses are more than the real ones
    "not_an_id",  # 19 digits above 2^63
    "password_entirely_numeric",
    "password_too_common",
    "password_too_similar",
    "reserved_handle",
    "too_many_hashtags",
    "too_many_marks",
    "too_many_mentions",
}


# By name, the words of GraphQL have no bounds: half of them are such that something is found.
_IDS = [f"User:{user}" for user in os.environ["FUZZ_USERS"].split()] + os.environ["FUZZ_POSTS"].split()
schemathesis.graphql.scalar("ID", (st.sampled_from(_IDS) | st.text(max_size=30)).map(nodes.String))
schemathesis.graphql.scalar("Int", (st.integers(1, 5) | st.integers(-(2**31), 2**31 - 1)).map(nodes.Int))


@schemathesis.auth(refresh_interval=120)
class LogIn:
    """Logs in again in time (an access token lives for five minutes), and when a test has logged out."""

    def get(self, case: Case[Any], context: AuthContext) -> str:
        """A new access token."""
        body = {"login": os.environ["FUZZ_LOGIN"], "password": os.environ["FUZZ_PASSWORD"]}
        url = f"{os.environ['FUZZ_URL']}/api/v1/identity/log-in"
        answer = requests.post(url, json=body, verify=os.environ["FUZZ_CA"], timeout=15)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        """Sends it."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Valid calls get further: each key is a new one, and invented cursors, which are never signed, are left out."""
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!#-~]{16,128}", key.strip('"')):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.meta and case.meta.generation.mode.is_positive and "cursor" in case.query and random.random() < 0.8:
        del case.query["cursor"]


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Whether it is one. A refusal of valid data counts unless its code says that no schema could have told."""
    if isinstance(failure, (GraphQLClientError, GraphQLServerError)):
        return any(error["extensions"]["code"] in _FAULTS for error in json.loads(response.content)["errors"])
    return not (isinstance(failure, RejectedPositiveData) and _is_beyond_a_schema(response.content))


def _is_beyond_a_schema(content: bytes) -> bool:
    problem = json.loads(content)
    if problem["code"] == "invalid_input":
        return bool(problem["errors"]) and all(error["code"] in _RULES for error in problem["errors"])
    return problem["code"] in _STATE
