"""Runs one operation of a document and gives its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from operator import itemgetter
from typing import Any, Final

import orjson
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, execute_sync
from graphql.execution import ExecutionResult

from nexus.api.graphql.context import Context
from nexus.api.graphql.documents import Document
from nexus.api.graphql.errors import database_error_in, meant_by, shown
from nexus.api.graphql.fields import Marks
from nexus.api.graphql.schema import CORE, marks_of
from nexus.kernel import idempotency, replicas, stale
from nexus.kernel.errors import DomainError, Internal, NotAuthenticated, NotFound, Unavailable
from nexus.kernel.idempotency import Answer, Key, Undo
from nexus.kernel.viewer import Viewer

_OK: Final = HTTPStatus.OK.value
# Another node, or a later moment, may say something else.
_PASSING: Final = (NotFound, NotAuthenticated, Unavailable, Internal)


@dataclass(frozen=True, slots=True)
class Run:
    """One operation with its variables, for one viewer."""

    document: Document
    operation: OperationDefinitionNode
    variables: dict[str, Any]
    viewer: Viewer

    @property
    def is_mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields at the root."""
        nodes = self.operation.selection_set.selections
        return tuple(node.name.value for node in nodes if isinstance(node, FieldNode))

    @property
    def marks(self) -> Marks:
        """What is special about the mutation."""
        return marks_of(self.fields[0])

    @property
    def _name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None

    def query(self) -> Answer:
        """The answer of a query, all of it from one node; again from its start when that was the wrong one."""
        answer, _ = replicas.read(self._query, place=self._place, is_whole=itemgetter(1))
        return answer

    def _query(self) -> tuple[Answer, bool]:
        result = self._execute()
        meanings = [meant_by(error) for error in result.errors or []]
        return _answer(result, meanings), not any(isinstance(each, _PASSING) for each in meanings)

    def mutation(self, key: Key | None) -> Answer:
        """The answer of a mutation: it has taken effect, once for each key, or it has errors and no effect."""
        return idempotency.once(key, self._effect, lambda body: Answer(_OK, body, is_secret=self.marks.is_secret))

    def _place(self) -> stale.Place:
        return stale.place(
            "graphql",
            self.viewer,
            {"document": self.document.text, "operation": self._name, "variables": self.variables},
        )

    def _effect(self) -> bytes:
        result = self._execute()
        if result.errors:
            # What would have been data is undone with the rest.
            meanings = [meant_by(error) for error in result.errors]
            raise Undo(_answer(ExecutionResult(None, result.errors), meanings))
        return _answer(result, []).body

    def _execute(self) -> ExecutionResult:
        result = execute_sync(
            CORE,
            self.document.ast,
            context_value=Context(self.viewer),
            variable_values=self.variables,
            operation_name=self._name,
        )
        # Whether to try again is decided where the transaction is.
        if (error := database_error_in(result.errors or [])) and (self.is_mutation or replicas.is_worth_another(error)):
            raise error
        return result


def _answer(result: ExecutionResult, meanings: Sequence[DomainError]) -> Answer:
    errors = result.errors or []
    body: dict[str, Any] = {}
    if errors:
        body["errors"] = [shown(meaning, error) for error, meaning in zip(errors, meanings, strict=True)]
    is_run = result.data is not None or any(error.path for error in errors)
    if is_run:
        body["data"] = result.data
    status = _status(result.data, meanings, is_run=is_run)
    return Answer(status, orjson.dumps(body), _headers(meanings, status))


def _status(data: dict[str, Any] | None, found: Sequence[DomainError], *, is_run: bool) -> int:
    """200 for whatever was run; our own failure is told to proxies and probes too when nothing else was answered."""
    if not is_run:
        return HTTPStatus.BAD_REQUEST.value
    if data is None or all(value is None for value in data.values()):
        return max((error.status for error in found if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR), default=_OK)
    return _OK


def _headers(found: Sequence[DomainError], status: int) -> dict[str, str]:
    waits = [error.retry_after for error in found if error.retry_after is not None]
    return {"Retry-After": str(max(waits))} if waits and status >= HTTPStatus.INTERNAL_SERVER_ERROR else {}


def refusal(error: DomainError, sources: list[GraphQLError] | None = None) -> Answer:
    """The answer to what is not run: the same error for each place in the document, or one without a place."""
    places: Sequence[GraphQLError | None] = sources or [None]
    entries = [shown(type(error)(source.message) if source else error, source) for source in places]
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Answer(error.status, orjson.dumps({"errors": entries}), headers)
