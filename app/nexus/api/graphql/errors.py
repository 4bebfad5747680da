"""What can be wrong with a GraphQL document, and how every error looks in a GraphQL answer."""

import re
from typing import Any, Final

from django.db import DatabaseError, InterfaceError
from graphql import GraphQLError

from nexus.api.errors import as_domain_error
from nexus.kernel import errors, logging
from nexus.kernel.errors import DomainError

# graphql-core tells the place of a bad value in its sentence only.
_BAD_VARIABLE: Final = re.compile(
    r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<path>\S+?))?: (?P<detail>.*)", re.DOTALL
)
_PATH_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")


class DocumentInvalid(DomainError):
    """The document is not GraphQL, or does not fit the schema; the message says where."""

    code, status, title = "document_invalid", 400, "The document is not valid"


class DocumentNotTrusted(DomainError):
    """The hash is not on the list of trusted documents, or this server takes no other documents (nor does GET)."""

    code, status, title = "document_not_trusted", 400, "The document is not a trusted one"


class QueryTooLong(DomainError):
    """The document has too many tokens."""

    code, status, title = "query_too_long", 400, "The document is too long"


class QueryTooDeep(DomainError):
    """The fields of the document are nested too deeply."""

    code, status, title = "query_too_deep", 400, "The document is too deep"


class QueryTooManyAliases(DomainError):
    """The document has too many aliases."""

    code, status, title = "query_too_many_aliases", 400, "The document has too many aliases"


class QueryTooCostly(DomainError):
    """The answer could hold too many values. Each field counts one, multiplied by `first` or `last` of every list that
    it stands in: ask for fewer items, or for fewer things below each."""

    code, status, title = "query_too_costly", 400, "The document asks for too much at once"


class SeveralMutations(DomainError):
    """A document may have one mutation field: it is done whole or not at all, and its key names one thing."""

    code, status, title = "several_mutations", 400, "Send one mutation at a time"


def shown(error: DomainError, source: GraphQLError | None = None) -> dict[str, Any]:
    """One entry of an answer's `errors`: the registry's code is in `extensions`."""
    entry: dict[str, Any] = {"message": error.detail}
    if source is not None and source.locations:
        entry["locations"] = [{"line": place.line, "column": place.column} for place in source.locations]
    if source is not None and source.path:
        entry["path"] = source.path
    entry["extensions"] = {
        "code": error.code,
        "status": error.status,
        "title": error.title,
        "errors": [{"pointer": _camel(e.pointer), "code": e.code, "detail": e.detail} for e in error.errors],
        "retry_after": error.retry_after,
        "trace_id": logging.request_id(),
    }
    return entry


def meant_by(error: GraphQLError) -> DomainError:
    """What an error of the execution is in the registry; what nobody expects is logged and becomes `internal`."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if original is not None and not isinstance(original, GraphQLError):
        return as_domain_error(original)
    if bad := _BAD_VARIABLE.match(error.message):
        pointer = "/" + bad["name"] + "".join(f"/{a or b}" for a, b in _PATH_STEP.findall(bad["path"] or ""))
        return errors.InvalidInput.at(pointer, "wrong_type", bad["detail"])
    if error.path is None or error.message.startswith("Argument "):
        return errors.InvalidInput(error.message)
    return as_domain_error(error)


def database_error_in(found: list[GraphQLError]) -> DatabaseError | InterfaceError | None:
    """The database's own error behind one of these, for those who know whether to try again."""
    for error in found:
        if isinstance(error.original_error, (DatabaseError, InterfaceError)):
            return error.original_error
    return None


def _camel(pointer: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), pointer)
