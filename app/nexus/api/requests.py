"""What surrounds every request: its id, its time budget, its door's name, one log line and two metrics."""

import json
import time
from collections.abc import Callable
from functools import partial
from socket import MSG_DONTWAIT, MSG_PEEK
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from nexus.api import freshness
from nexus.kernel import database, logging, metrics, traces, use_cases, waiting
from nexus.kernel.errors import Malformed, PayloadTooLarge, UnsupportedMediaType

BODY_MAX: Final = 65_536

_DOORS: Final = (("/api/", "rest"), ("/graphql", "graphql"), ("/admin/", "admin"))
_QUIET: Final = frozenset({"/livez", "/readyz", "/startupz"})
_REQUEST_ID_MAX: Final = 64
# HAProxy gives up the second try 12 s after the request came; by then ours must have been answered.
_ALL_TRIES_S: Final = 10.5
# What is always given: clocks differ, and nearly every request needs far less.
_LEAST_S: Final = 2.0
# Who came this late stood in the proxy's queue for long. He is answered before HAProxy's 6 s end, which would send him
# there again: queue, try, queue and try are more than the client's 15 s. For a second in the queue they are not.
_QUEUED_S: Final = 1.0
_AFTER_QUEUE_S: Final = 5.5
# For the rest of a body that was refused.
_REST_S: Final = 5.0


def door_of(path: str) -> str:
    """The name of the door that answers `path`, as in metrics and logs."""
    return next((name for prefix, name in _DOORS if path.startswith(prefix)), "web")


def read_request_id(value: str) -> str:
    """HAProxy's X-Request-ID; nothing when it is not one."""
    return value if len(value) <= _REQUEST_ID_MAX and value.replace("-", "").isalnum() and value.isascii() else ""


def client_address(request: HttpRequest) -> str:
    """The caller's address: the one that the outermost proxy of ours saw (NEXUS_TRUSTED_PROXY_COUNT)."""
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    count = settings.NEXUS.trusted_proxy_count
    return forwarded[-count] if 0 < count <= len(forwarded) else str(request.META.get("REMOTE_ADDR", ""))


def read_json(request: HttpRequest) -> Any:
    """The body, which must be JSON in which no name stands twice in an object: two readers might take either value.

    Raises PayloadTooLarge, UnsupportedMediaType, Malformed.
    """
    if len(request.body) > BODY_MAX:
        raise PayloadTooLarge
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    try:
        data = orjson.loads(request.body)
        if isinstance(data, dict):
            json.loads(request.body, object_pairs_hook=_each_once)  # orjson cannot tell
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    return data


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Malformed("A name stands twice in an object of the body.")


def public_url(path: str) -> str:
    """An absolute address of ours, as users see it."""
    return f"{settings.NEXUS.public_url.rstrip('/')}{path}"


def make_public(response: HttpResponse) -> None:
    """The answer is the same for everybody: every cache on the way may give it for a few seconds, to any page."""
    response["Cache-Control"] = "public, max-age=15, stale-while-revalidate=60"
    response["Access-Control-Allow-Origin"] = "*"
    del response["Vary"]


def is_client_there(request: HttpRequest) -> bool:
    """Whether whoever sent the request still waits. HAProxy leaves with its client, or to ask another replica."""
    client = request.META.get("gunicorn.socket")
    try:
        return client is None or client.recv(1, MSG_PEEK | MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def take_the_rest(request: HttpRequest) -> None:
    """Reads what is left of a body that nobody wanted: an answer that overtakes its request can be lost on the way.

    (Whoever closes a connection on which the other end still sends, resets it, and takes back what was not read yet.)
    """
    client = request.META.get("gunicorn.socket")
    if client is None or request.META.get("CONTENT_LENGTH", "") in ("", "0") or hasattr(request, "_body"):
        return
    end = time.monotonic() + _REST_S
    client.settimeout(_REST_S)
    try:
        while time.monotonic() < end and request.read(BODY_MAX):
            pass
    except OSError:
        pass  # it has left, or sends too slowly to be waited for
    finally:
        client.settimeout(None)


def time_for(request: HttpRequest) -> float:
    """Seconds that this try may take: HAProxy's tries of one request share the client's patience (X-Request-Start)."""
    name, _, begun_ms = request.headers.get("X-Request-Start", "").partition("=")
    if name != "t" or not (begun_ms.isascii() and begun_ms.isdigit() and len(begun_ms) < 16):
        return database.REQUEST_BUDGET_S
    gone = max(0.0, time.time() - int(begun_ms) / 1000)
    most = database.REQUEST_BUDGET_S if gone < _QUEUED_S else _AFTER_QUEUE_S
    return max(_LEAST_S, min(most, _ALL_TRIES_S - gone))


class RequestMiddleware:
    """The outermost middleware of web."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in _QUIET:
            return self.get_response(request)
        # First of all: the refusal of a host, too, tells its own id and not that of the thread's last request.
        logging.bind_request(read_request_id(request.headers.get("X-Request-ID", "")))
        traces.bind(request.headers.get("traceparent", ""))
        request.get_host()  # refuses a host name that is not ours before anything reads it
        with traces.span("request", "server") as span:
            return self._answer(request, door_of(request.path), span)

    def _answer(self, request: HttpRequest, door: str, span: traces.Silent) -> HttpResponseBase:
        started = time.perf_counter()
        metrics.REQUESTS_IN_FLIGHT.labels(door).inc()
        status = 500
        try:
            with (
                database.time_budget(time_for(request)),
                waiting.on_behalf_of(partial(is_client_there, request)),
                use_cases.through_door(door),
                freshness.agreed_with(request) as caller,
            ):
                response = self.get_response(request)
            take_the_rest(request)
            if caller is not None:
                freshness.tell(response, caller)
            status = response.status_code
            if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
                # Django leaves it out, and an answer in chunks is several pieces: killed in between, half an answer.
                response["Content-Length"] = len(response.content)
        finally:
            metrics.REQUESTS_IN_FLIGHT.labels(door).dec()
            metrics.REQUESTS.labels(door, status).inc()
            _tell(request, door, status, time.perf_counter() - started, span)
        return response


def _tell(request: HttpRequest, door: str, status: int, seconds: float, span: traces.Silent) -> None:
    match = request.resolver_match
    facts: dict[str, Any] = {
        "door": door,
        "method": request.method,
        # The pattern, not the path: no ids, no keys, few values.
        "route": match.route if match else None,
        "use_case": getattr(request, "use_case", None),
        "status": status,
    }
    span.tell(facts["use_case"] or "", **facts)
    facts |= {"user_id": getattr(request, "user_id", None), "ms": round(seconds * 1000, 1)}
    logging.log.info("request", **{name: fact for name, fact in facts.items() if fact is not None})
