"""POST /graphql for everything, GET for trusted queries, and GraphiQL for people."""

from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from graphql import OperationType

from nexus.api import limits
from nexus.api.authentication import viewer_from
from nexus.api.errors import as_domain_error
from nexus.api.graphql import graphiql, requests
from nexus.api.graphql.documents import DocumentCache, Refused
from nexus.api.graphql.errors import DocumentInvalid, DocumentNotTrusted
from nexus.api.graphql.execution import Run, refusal
from nexus.api.graphql.fields import Marks
from nexus.api.graphql.schema import CORE, USE_CASES
from nexus.api.requests import client_address
from nexus.kernel import idempotency
from nexus.kernel.errors import MethodNotAllowed, NotAuthenticated
from nexus.kernel.idempotency import Answer
from nexus.kernel.viewer import Viewer

_METHODS: Final = "GET, POST"
_DOCUMENTS: Final = DocumentCache(CORE)


# Not by cookies, so nothing that a foreign page makes a browser send can act for anybody.
@csrf_exempt
def view(request: HttpRequest) -> HttpResponse:
    """The whole door."""
    if request.method == "GET" and not request.GET and requests.is_browser(request) and graphiql.is_on():
        return graphiql.page(request)
    media_type = requests.JSON
    call = _Call(request)
    try:
        media_type = requests.answer_type(request)
        answer = call.answer()
    except Refused as refused:
        answer = refusal(DocumentInvalid(), refused.errors)
    except Exception as error:
        answer = refusal(as_domain_error(error))
    return _respond(answer, request, media_type, call.standing)


@dataclass(slots=True)
class _Call:
    """One request on its way to an answer. `standing`: what its rate limit is told to be, also when it fails later."""

    request: HttpRequest
    standing: limits.Standing | None = None

    def answer(self) -> Answer:
        if self.request.method not in ("GET", "POST"):
            raise MethodNotAllowed
        viewer = viewer_from(self.request)
        self._count(Marks(), viewer)
        is_get = self.request.method == "GET"
        asked = requests.from_query(self.request) if is_get else requests.from_body(self.request)
        if settings.NEXUS.graphql_trusted_only and not asked.is_trusted:
            raise DocumentNotTrusted
        document = _DOCUMENTS.document(asked.text)
        operation = document.operation(asked.operation_name)
        document.check_cost(operation, asked.variables, CORE)
        run = Run(document, operation, asked.variables, viewer)
        # For the log line.
        self.request.use_case = ",".join(USE_CASES.get(name, name) for name in run.fields)  # type: ignore[attr-defined]
        if operation.operation is not OperationType.MUTATION:
            return run.query()
        if is_get:
            raise MethodNotAllowed("Send mutations by POST.")
        return self._mutation(replace(run, viewer=viewer_from(self.request, for_write=True)))

    def _mutation(self, run: Run) -> Answer:
        if run.marks.limit != "default":
            self._count(run.marks, run.viewer)
        key = idempotency.read_key(
            self.request.headers.get("Idempotency-Key"),
            user_id=run.viewer.user_id,
            method="POST",
            path=self.request.get_full_path(),
            body=self.request.body,
        )
        return run.mutation(key)

    def _count(self, marks: Marks, viewer: Viewer) -> None:
        self.standing = limits.count(marks.limit, viewer=viewer, address=client_address(self.request))


def _respond(answer: Answer, request: HttpRequest, media_type: str, standing: limits.Standing | None) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type=f"{media_type}; charset=utf-8")
    is_private_get = request.method == "GET" and answer.status == 200
    response["Cache-Control"] = "private, no-cache" if is_private_get else "no-store"
    response["Vary"] = "Accept, Authorization"
    for name, value in {**answer.headers, **(standing.headers() if standing else {})}.items():
        response[name] = value
    if answer.status == MethodNotAllowed.status:
        response["Allow"] = _METHODS
    if answer.status == NotAuthenticated.status:
        response["WWW-Authenticate"] = "Bearer"
    return response
