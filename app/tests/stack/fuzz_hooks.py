"""What schemathesis asks of us while it runs (it imports this module): a login, and what a schema cannot say."""

import json
import os
import re
import uuid
from typing import Any

import requests
import schemathesis
from schemathesis import AuthContext, Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

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


@schemathesis.auth(refresh_interval=120)
class LogIn:
    """Logs in again in time (an access token lives for five minutes), and when a test has logged out."""

    def get(self, case: Case, context: AuthContext) -> str:
        """A new access token."""
        body = {"login": os.environ["FUZZ_LOGIN"], "password": os.environ["FUZZ_PASSWORD"]}
        url = f"{os.environ['FUZZ_URL']}/api/v1/identity/log-in"
        answer = requests.post(url, json=body, verify=os.environ["FUZZ_CA"], timeout=15)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def set(self, case: Case, data: str, context: AuthContext) -> None:
        """Sends it."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Each call has a key of its own: otherwise nearly all are refused, because they carry the simplest one."""
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!#-~]{16,128}", key.strip('"')):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether it is one. A refusal of valid data counts unless its code says that no schema could have told."""
    return not (isinstance(failure, RejectedPositiveData) and _is_beyond_a_schema(response.content))


def _is_beyond_a_schema(content: bytes) -> bool:
    problem = json.loads(content)
    if problem["code"] == "invalid_input":
        return bool(problem["errors"]) and all(error["code"] in _RULES for error in problem["errors"])
    return problem["code"] in _STATE
