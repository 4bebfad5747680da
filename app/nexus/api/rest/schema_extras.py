"""What the generator cannot know: headers of answers, the security scheme, and the live stream of another role."""

from typing import Any, Final

_HEADERS: Final = {
    "ETag": "The state of what is shown; send it back in If-None-Match, or in If-Match to change what you have seen",
    "Link": "The neighbouring pages, rel next and prev (RFC 8288)",
    "Location": "The address of what has been made",
    "RateLimit": "What is left of the quota, and in how many seconds it is whole again",
    "RateLimit-Policy": "The quota and its window in seconds",
    "Retry-After": "Seconds to wait before sending the same call again",
    "Idempotent-Replayed": "true: the call had been done before, this is its stored answer",
    "X-Request-ID": "The request in our logs; the same as trace_id in a problem document",
}
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_LIVE: Final = {
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
                    "400": "`malformed`: Last-Event-ID is none of ours.",
                    "401": "`not_authenticated`: The call needs a valid access token.",
                    "422": "`invalid_input`: posts is not a list of ids.",
                    "429": "`rate_limited`: Too many calls.",
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
        name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _HEADERS.items()
    }
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                names = _header_names(path, method, int(status), operation)
                answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    result["paths"]["/api/v1/live"] = _LIVE
    return result


def _header_names(path: str, method: str, status: int, operation: dict[str, Any]) -> list[str]:
    names = ["X-Request-ID"]
    if status < 400:
        names += ["RateLimit", "RateLimit-Policy"]
        names += ["ETag"] if status != 204 and "identity" not in operation["tags"] else []
        names += ["Idempotent-Replayed"] if method != "get" else []
    if status == 201 and "identity" not in operation["tags"]:
        names.append("Location")
    if status == 200 and any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        names.append("Link")
    if status in (409, 429, 503):
        names.append("Retry-After")
    return names
