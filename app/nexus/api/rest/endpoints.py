"""What all REST endpoints share: a declared use-case, strict input, idempotency, ETags, pages, limits."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeVar

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.serializers import ValidationError
from rest_framework.views import APIView

from nexus.api import limits
from nexus.api.authentication import viewer_from
from nexus.api.requests import BODY_MAX, client_address, make_public, public_url, read_json
from nexus.api.rest.fields import Body
from nexus.kernel import errors, idempotency, use_cases
from nexus.kernel.idempotency import Answer
from nexus.kernel.pages import LIMIT_DEFAULT, Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer

T = TypeVar("T")

_PAGE_PARAMETERS: Final = ("limit", "cursor")


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """How one kind of thing is shown: the function that renders it and the serializer that documents it."""

    render: Callable[[T], Any]
    serializer: type[Any]
    version: Callable[[T], int] | None = None
    page: Callable[[T], Page[Any]] | None = None
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request, translated: what a handler may look at."""

    viewer: Viewer
    body: dict[str, Any] = field(default_factory=dict)
    page: PageRequest = field(default_factory=PageRequest)
    if_match: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One use-case behind one method of one path."""

    use_case: use_cases.UseCase
    handler: Callable[..., Any]
    shows: Shape[Any] | None
    body: type[Body] | None = None
    status: int = 200
    location: str | None = None
    limit: limits.Policy = "default"
    # The same for everybody and answered out of the process: nobody is asked for, nothing is counted, all may keep it.
    is_public: bool = False

    @property
    def is_write(self) -> bool:
        return self.use_case.kind == "operation"

    @property
    def needs_login(self) -> bool:
        return errors.NotAuthenticated in self.use_case.errors

    @property
    def has_pages(self) -> bool:
        return self.shows is not None and self.shows.page is not None


def reads(
    use_case: Callable[..., Any], *, shows: Shape[Any], is_public: bool = False
) -> Callable[[Callable[..., Any]], Endpoint]:
    """Declares the handler of a query."""
    return lambda handler: Endpoint(_registered(use_case), handler, shows, is_public=is_public)


def writes(
    use_case: Callable[..., Any],
    *,
    body: type[Body] | None = None,
    shows: Shape[Any] | None = None,
    status: int | None = None,
    location: str | None = None,
    limit: limits.Policy = "default",
) -> Callable[[Callable[..., Any]], Endpoint]:
    """Declares the handler of an operation; without `shows` the answer is 204. `location` is filled from the answer."""
    chosen = status or (200 if shows else 204)
    return lambda handler: Endpoint(_registered(use_case), handler, shows, body, chosen, location, limit)


def _registered(use_case: Callable[..., Any]) -> use_cases.UseCase:
    return use_cases.REGISTRY[use_case.__name__]


class UseCaseView(APIView):
    """One path; `endpoints` says which use-case each method is."""

    endpoints: ClassVar[dict[str, Endpoint]] = {}

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Answers are JSON whatever is asked for, which RFC 9110 allows."""
        return (None, "application/json")

    def perform_authentication(self, request: Request) -> None:
        """Done by `_answer`, for every door in the same way."""

    def options(  # type: ignore[override]  # nothing of it is rendered
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What the path knows; what a page of another origin asks is answered before (CORS)."""
        response = HttpResponse(status=204, headers={"Allow": ", ".join(self.allowed_methods)})
        del response["Content-Type"]
        return response


def _method(endpoint: Endpoint) -> Callable[..., HttpResponse]:
    def run(_view: UseCaseView, request: Request, **arguments: Any) -> HttpResponse:
        return _answer(endpoint, request._request, arguments)

    run.__doc__ = endpoint.use_case.function.__doc__
    return run


def route(pattern: str, **endpoints: Endpoint) -> URLPattern:
    """A path of the API with an endpoint for each method, such as `route("posts", POST=publish_post)`."""
    by_method = {method.lower(): endpoint for method, endpoint in endpoints.items()}
    name = "_".join(endpoint.use_case.name for endpoint in endpoints.values())
    members = {method: _method(endpoint) for method, endpoint in by_method.items()}
    view: type[UseCaseView] = type(name, (UseCaseView,), {"endpoints": by_method, **members})
    return path(pattern, view.as_view(), name=name)


def _answer(endpoint: Endpoint, request: HttpRequest, arguments: dict[str, Any]) -> HttpResponse:
    request.use_case = endpoint.use_case.name  # type: ignore[attr-defined]  # for the log line
    # Who brings credentials is nobody yet; an access token that has ended must not keep anyone from refreshing it.
    is_nobody = endpoint.limit == "credentials" or endpoint.is_public
    viewer = ANONYMOUS if is_nobody else viewer_from(request, for_write=endpoint.is_write)
    address = client_address(request)
    standing = None if endpoint.is_public else limits.count(endpoint.limit, viewer=viewer, address=address)
    if endpoint.needs_login:
        viewer.must_be_known()  # nobody is told anything about his input
    call = Call(
        viewer=viewer,
        body=_read_body(endpoint, request),
        page=_read_page(endpoint, request),
        if_match=_read_if_match(request),
    )
    if endpoint.is_write:
        key = idempotency.read_key(
            request.headers.get("Idempotency-Key"),
            user_id=viewer.user_id,
            method=str(request.method),
            path=request.get_full_path(),
            body=request.body,
        )
        answer = idempotency.once(
            key, lambda: endpoint.handler(call, **arguments), lambda thing: _render(endpoint, thing)
        )
    else:
        answer = _render(endpoint, endpoint.handler(call, **arguments), request)
    response = _respond(answer, request, standing)
    if endpoint.is_public:
        make_public(response)
    return response


def _read_body(endpoint: Endpoint, request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > BODY_MAX:
        raise errors.PayloadTooLarge
    if endpoint.body is None:
        return {}
    reader = endpoint.body(data=read_json(request))
    if not reader.is_valid():
        raise ValidationError(reader.errors)
    return dict(reader.validated_data)


def _read_page(endpoint: Endpoint, request: HttpRequest) -> PageRequest:
    known = _PAGE_PARAMETERS if endpoint.has_pages else ()
    for name in request.GET:
        if name not in known:
            raise errors.InvalidInput.at(f"/{name}", "unknown_parameter", f"There is no parameter {name!r} here.")
        if len(request.GET.getlist(name)) > 1:
            raise errors.InvalidInput.at(f"/{name}", "repeated_parameter", f"Send {name} once.")
    limit = request.GET.get("limit", str(LIMIT_DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6):
        raise errors.InvalidInput.at("/limit", "wrong_type", "limit must be a whole number.")
    return PageRequest(limit=int(limit), cursor=request.GET.get("cursor"))


def _read_if_match(request: HttpRequest) -> int | None:
    """The version in If-Match. A list of tags is as good as its first; what is no tag of ours matches nothing."""
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return None
    version = header.partition(".")[0].removeprefix('"v')
    return int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0


def _render(endpoint: Endpoint, thing: Any, request: HttpRequest | None = None) -> Answer:
    shape = endpoint.shows
    if shape is None:
        return Answer(endpoint.status, b"")
    body = orjson.dumps(shape.render(thing))
    headers: dict[str, str] = {}
    if not shape.is_secret:
        digest = hashlib.blake2b(body, digest_size=8).hexdigest()
        headers["ETag"] = f'"v{shape.version(thing)}.{digest}"' if shape.version else f'"{digest}"'
    if endpoint.location:
        headers["Location"] = public_url("/api/v1/" + endpoint.location.format(id=thing.id))
    if shape.page and request is not None and (link := _link(shape.page(thing), request)):
        headers["Link"] = link
    return Answer(endpoint.status, body, headers, shape.is_secret)


def _link(page: Page[Any], request: HttpRequest) -> str:
    links = []
    for relation, cursor in (("next", page.next), ("prev", page.prev)):
        if cursor is not None:
            query = request.GET.copy()
            query["cursor"] = cursor
            links.append(f'<{public_url(request.path)}?{query.urlencode()}>; rel="{relation}"')
    return ", ".join(links)


def _respond(answer: Answer, request: HttpRequest, standing: limits.Standing | None) -> HttpResponse:
    tag = answer.headers.get("ETag")
    is_read = request.method in ("GET", "HEAD")
    if is_read and tag is not None and _has(request.headers.get("If-None-Match"), tag):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    if not response.content:
        del response["Content-Type"]
    # Everything depends on who asks; a shared cache must keep nothing, the client's own must ask again.
    response["Cache-Control"] = "private, no-cache" if is_read and not answer.is_secret else "no-store"
    response["Vary"] = "Authorization"
    for name, value in {**answer.headers, **(standing.headers() if standing else {})}.items():
        response[name] = value
    return response


def _has(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in header.split(","))
