"""What the generator cannot know: headers of answers, the security scheme, and the live stream of another role."""

import copy
from typing import Any, Final

from nexus.kernel import errors

_HEADERS: Final = {
    "ETag": "The state of what is shown; send it back in If-None-Match, or in If-Match to change what you have seen",
    "Link": "The neighbouring pages, rel next and prev (RFC 8288)",
    "Location": "The address of what has been made",
    "RateLimit": "What is left of the quota, and in how many seconds it is whole again",
    "RateLimit-Policy": "The quota and its window in seconds",
    "Retry-After": "Seconds to wait before sending the same call again",
    "Idempotent-Replayed": "true: the call had been done before, this is its stored answer",
    "WWW-Authenticate": "Bearer",
    "X-Nexus-Stale": "Not as fresh as promised, because databases are away: the answer may be so many seconds old",
    "X-Nexus-Written": "What the answer has made or seen, as a place in the database's log; sent back with a later "
    "call, no answer is older (see docs/guide/clients.md). Only where there are replicas",
    "X-Request-ID": "The request in our logs; the same as trace_id in a problem document",
}
_ALWAYS: Final = ("ETag", "Location", "WWW-Authenticate", "X-Request-ID")
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
# What any call can be answered before its use-case is asked, by the proxy or by us.
_SHARED: Final = {
    str(status): (kind.__name__, f"`{kind.code}`: {' '.join((kind.__doc__ or '').split())}")
    for status, kind in (
        (408, errors.RequestTimeout),
        (411, errors.LengthRequired),
        (413, errors.PayloadTooLarge),
        (414, errors.UriTooLong),
        (431, errors.HeadersTooLarge),
        (502, errors.OutcomeUnknown),
        (504, errors.Timeout),
    )
}
_LIVE: Final[dict[str, Any]] = {
    "get": {
        "operationId": "live",
        "summary": "Live",
        "description": "Server-sent events: notifications, and changes of the posts on screen. See docs/guide/live.md.",
        "tags": ["live"],
        "security": [{"bearer": []}],
        "parameters": [
            {
                "name": "posts",
                "in": "query",
                "description": "Up to 100 ids of posts on screen, separated by commas",
                "schema": {"type": "string", "pattern": "^([0-9]{1,19}(,[0-9]{1,19}){0,99})?$"},
            },
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "The last id that was received: every notification since then follows",
                "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            },
        ],
        "responses": {
            "200": {"description": "The stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **{
                status: {"description": codes, "content": _PROBLEM}
                for status, codes in {
                    "400": "`malformed`: The request cannot be read, or Last-Event-ID is none of ours.",
                    "401": "`not_authenticated`: The call needs a valid access token.",
                    "422": "`invalid_input`: posts is not a list of ids.",
                    "429": "`rate_limited`: Too many calls.",
                    "500": "`internal`: A fault of ours.",
                    "503": "`unavailable`: Not available right now.",
                }.items()
            },
        },
    }
}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds all of it to the generated document (a hook of drf-spectacular)."""
    components = result["components"]
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    components["headers"] = {
        name: {"description": meaning, "required": name in _ALWAYS, "schema": {"type": "string"}}
        for name, meaning in _HEADERS.items()
    }
    components["responses"] = {
        name: {"description": meaning, "content": _PROBLEM, "headers": _headers(["X-Request-ID"])}
        for name, meaning in _SHARED.values()
    }
    result["paths"]["/api/v1/live"] = copy.deepcopy(_LIVE)
    for methods in result["paths"].values():
        for method, operation in methods.items():
            _complete_answers(method, operation)
            if body := operation.get("requestBody"):
                body["required"] = True
                # A field that nobody knows is refused.
                reference = body["content"]["application/json"]["schema"]["$ref"]
                components["schemas"][reference.rpartition("/")[2]]["additionalProperties"] = False
    return result


def _complete_answers(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status, answer in answers.items():
        answer["headers"] = _headers(_header_names(method, int(status), operation))
    for status, (name, _) in _SHARED.items():
        answers.setdefault(status, {"$ref": f"#/components/responses/{name}"})
    operation["responses"] = dict(sorted(answers.items()))


def _headers(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header_names(method: str, status: int, operation: dict[str, Any]) -> list[str]:
    names = ["X-Request-ID"]
    # Answers with tokens have neither a state nor an address; a stream has neither, too.
    is_resource = not {"identity", "live"} & set(operation["tags"])
    if status < 400:
        names += ["RateLimit", "RateLimit-Policy"]
        names += ["ETag"] if status != 204 and is_resource else []
        names += ["Idempotent-Replayed"] if method != "get" else []
        if "live" not in operation["tags"]:
            names += ["X-Nexus-Written"] if method != "get" else ["X-Nexus-Stale", "X-Nexus-Written"]
    if status == 201 and is_resource:
        names.append("Location")
    if status == 401:
        names.append("WWW-Authenticate")
    if status == 200 and any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        names.append("Link")
    if status in (409, 429, 503):
        names.append("Retry-After")
    return names
