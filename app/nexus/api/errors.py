"""From any exception to a problem document (RFC 9457). One registry, one format, for every door that speaks HTTP."""

import sys
from typing import Any, Final

import orjson
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as rest
from rest_framework import serializers

from nexus.api.requests import public_url
from nexus.kernel import database, errors, logging
from nexus.kernel.errors import DomainError, FieldError

CONTENT_TYPE: Final = "application/problem+json"
_REST: Final[dict[type[rest.APIException], type[DomainError]]] = {
    rest.ParseError: errors.Malformed,
    rest.NotAuthenticated: errors.NotAuthenticated,
    rest.AuthenticationFailed: errors.NotAuthenticated,
    rest.PermissionDenied: errors.Forbidden,
    rest.MethodNotAllowed: errors.MethodNotAllowed,
    rest.NotAcceptable: errors.NotAcceptable,
    rest.UnsupportedMediaType: errors.UnsupportedMediaType,
}
_FIELD_CODES: Final = {"invalid": "wrong_type", "null": "wrong_type", "not_a_list": "wrong_type"}


def as_domain_error(error: BaseException) -> DomainError:
    """The registry's error for any exception; Internal, with a log line, for those that nobody expects."""
    match error:
        case DomainError():
            return error
        case _ if unavailable := database.as_unavailable(error):
            logging.log.warning("database_unavailable", error=str(error).strip(), sqlstate=database.sqlstate(error))
            return unavailable
        case Http404():
            return errors.NotFound()
        case RequestDataTooBig():
            return errors.PayloadTooLarge()
        case serializers.ValidationError():
            return errors.InvalidInput(errors=field_errors(error.detail))
        case rest.APIException() if kind := _REST.get(type(error)):
            return kind(str(error.detail))
        case SuspiciousOperation() | UnicodeError():
            return errors.Malformed()
    logging.log.error("unexpected_error", exc_info=error)
    return errors.Internal()


def field_errors(detail: Any, pointer: str = "") -> list[FieldError]:
    """A serializer's nested complaints as a flat list with JSON pointers."""
    if isinstance(detail, dict):
        return [
            found
            for name, below in detail.items()
            for found in field_errors(below, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")
        ]
    if isinstance(detail, list) and any(isinstance(below, (dict, list)) for below in detail):
        return [found for i, below in enumerate(detail) for found in field_errors(below, f"{pointer}/{i}")]
    code = detail[0].code
    return [FieldError(pointer.removesuffix("/non_field_errors"), _FIELD_CODES.get(code, code), str(detail[0]))]


def problem(error: DomainError, *, instance: str) -> dict[str, Any]:
    """The problem document of an error; the same members for every code."""
    return {
        "type": public_url(f"/problems#{error.code}"),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors],
        "trace_id": logging.request_id(),
    }


def problem_response(error: DomainError, request: HttpRequest) -> HttpResponse:
    """An error as an HTTP answer."""
    body = orjson.dumps(problem(error, instance=request.path))
    response = HttpResponse(body, status=error.status, content_type=CONTENT_TYPE)
    response["Content-Length"] = str(len(body))
    response["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    if error.status == errors.NotAuthenticated.status:
        response["WWW-Authenticate"] = "Bearer"
    return response


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """REST framework's exception handler."""
    response = problem_response(as_domain_error(error), context["request"]._request)
    if isinstance(error, rest.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: a path that nobody has."""
    return problem_response(errors.NotFound(), request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a request that Django itself refuses."""
    detail = "This host name is not served here." if isinstance(exception, DisallowedHost) else None
    return problem_response(errors.Malformed(detail), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for what fails outside of REST framework."""
    error = sys.exc_info()[1]
    return problem_response(errors.Internal() if error is None else as_domain_error(error), request)
