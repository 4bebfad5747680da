"""OpenAPI from the endpoints: operationId is the use-case's name, and every error that it can give is listed."""

from collections import defaultdict
from inspect import cleandoc
from typing import Any, Final, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from nexus.api.rest.endpoints import Endpoint, UseCaseView
from nexus.api.rest.fields import ID_SCHEMA
from nexus.domain.posts.models import HASHTAG_MAX
from nexus.domain.users.models import HANDLE_MAX
from nexus.kernel import errors
from nexus.kernel.errors import DomainError
from nexus.kernel.idempotency import KEY_PATTERN
from nexus.kernel.pages import LIMIT_DEFAULT, LIMIT_MAX

_ANY: Final = (
    errors.Malformed,
    errors.NotAuthenticated,
    errors.InvalidInput,
    errors.RateLimited,
    errors.Internal,
    errors.Unavailable,
)
_WRITE: Final = (
    errors.IdempotencyKeyInvalid,
    errors.IdempotencyKeyReused,
    errors.IdempotencyInProgress,
    errors.OutcomeUnknown,
)

CURSOR_SCHEMA: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{14,100}$"}
PATH_SCHEMAS: Final = {
    "user": {"type": "string", "pattern": f"^([1-9][0-9]{{0,18}}|@[A-Za-z0-9_]{{1,{HANDLE_MAX}}})$"},
    "hashtag": {"type": "string", "minLength": 1, "maxLength": HASHTAG_MAX},
}


class ProblemError(serializers.Serializer[Any]):
    """What is wrong with one value; `pointer` is a JSON pointer into the input."""

    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """An error (RFC 9457). `code` is stable; /problems explains each."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField(min_value=400, max_value=599)
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    errors = ProblemError(many=True)  # type: ignore[assignment]  # a member of the document, and of DRF's serializer
    trace_id = serializers.CharField(allow_blank=True)


def errors_of(endpoint: Endpoint) -> list[type[DomainError]]:
    """Every error that the endpoint can answer with: its use-case's own, and what all endpoints of its kind share."""
    found: list[type[DomainError]] = [*endpoint.use_case.errors, *_ANY]
    if endpoint.is_public:
        found.remove(errors.NotAuthenticated)
    if endpoint.is_write:
        found += _WRITE
    if endpoint.body is not None:
        found.append(errors.UnsupportedMediaType)
    if endpoint.has_pages:
        found.append(errors.InvalidCursor)
    if endpoint.shows is not None and endpoint.shows.is_secret:
        found.append(errors.IdempotencyAnswerExpired)
    return list(dict.fromkeys(found))


class UseCaseSchema(AutoSchema):
    """Reads an Endpoint instead of guessing from a view."""

    @property
    def endpoint(self) -> Endpoint:
        view = cast(UseCaseView, self.view)
        return view.endpoints[self.method.lower()]

    def get_operation_id(self) -> str:
        return self.endpoint.use_case.name

    def get_tags(self) -> list[str]:
        return [self.endpoint.use_case.domain]

    def get_description(self) -> str:  # type: ignore[override]  # as in spectacular itself
        # Python 3.13 takes the indentation away by itself.
        return cleandoc(self.endpoint.use_case.function.__doc__ or "")

    def get_summary(self) -> str:
        return self.endpoint.use_case.name.replace("_", " ").capitalize()

    def get_auth(self) -> list[dict[str, list[str]]]:
        if self.endpoint.is_public:
            return [{}]
        return [{"bearer": []}] if self.endpoint.needs_login else [{}, {"bearer": []}]

    def get_request_serializer(self) -> Any:
        return self.endpoint.body

    def get_response_serializers(self) -> Any:
        endpoint = self.endpoint
        shown = endpoint.shows.serializer if endpoint.shows else None
        answers: dict[Any, Any] = {endpoint.status: OpenApiResponse(shown, "Done")}
        if not endpoint.is_write:
            answers[304] = OpenApiResponse(None, "Not changed since the ETag in If-None-Match")
        by_status: dict[int, list[str]] = defaultdict(list)
        for error in errors_of(endpoint):
            meaning = " ".join((error.__doc__ or "").split())
            by_status[error.status].append(f"`{error.code}`: {meaning}")
        for status, lines in sorted(by_status.items()):
            answers[(status, "application/problem+json")] = OpenApiResponse(Problem, "\n\n".join(lines))
        return answers

    def get_override_parameters(self) -> list[Any]:
        endpoint = self.endpoint
        found = []
        if endpoint.has_pages:
            found += [
                OpenApiParameter(
                    "limit",
                    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
                    description="How many items at most",
                ),
                OpenApiParameter(
                    "cursor", CURSOR_SCHEMA, description="`next` or `prev` of another page of the same list"
                ),
            ]
        if endpoint.is_write:
            schema = {"type": "string", "pattern": KEY_PATTERN}
            what = "A new random value for each call; the same call may then be sent again without a second effect"
            found.append(OpenApiParameter("Idempotency-Key", schema, OpenApiParameter.HEADER, description=what))
        if errors.PreconditionFailed in endpoint.use_case.errors:
            what = "The ETag that the change is based on; 412 when its version is no longer the current one"
            found.append(OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description=what))
        if not endpoint.is_write:
            found.append(OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER))
        return found

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": ID_SCHEMA if name.endswith("_id") else PATH_SCHEMAS[name],
            }
            for name in variables
        ]
