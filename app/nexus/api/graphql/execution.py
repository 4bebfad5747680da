"""Runs one operation of a document and gives its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, execute_sync
from graphql.execution import ExecutionResult

from nexus.api.graphql.context import Context
from nexus.api.graphql.documents import Document
from nexus.api.graphql.errors import database_error_in, meant_by, shown
from nexus.api.graphql.fields import Marks
from nexus.api.graphql.schema import CORE, marks_of
from nexus.kernel import database, idempotency
from nexus.kernel.errors import DomainError
from nexus.kernel.idempotency import Answer, Key, Undo
from nexus.kernel.viewer import Viewer

_OK: Final = HTTPStatus.OK.value


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

    def query(self) -> Answer:
        """The answer of a query, again from its start when the database turned out to be the wrong node."""
        return database.retrying(lambda: _answer(self._execute()))

    def mutation(self, key: Key | None) -> Answer:
        """The answer of a mutation: it has taken effect, once for each key, or it has errors and no effect."""
        return idempotency.once(key, self._effect, lambda body: Answer(_OK, body, is_secret=self.marks.is_secret))

    def _effect(self) -> bytes:
        result = self._execute()
        if result.errors:
            # What would have been data is undone with the rest.
            raise Undo(_answer(ExecutionResult(None, result.errors)))
        return _answer(result).body

    def _execute(self) -> ExecutionResult:
        result = execute_sync(
            CORE,
            self.document.ast,
            context_value=Context(self.viewer),
            variable_values=self.variables,
            operation_name=self.operation.name.value if self.operation.name else None,
        )
        # Whether to try again is decided where the transaction is.
        if (error := database_error_in(result.errors or [])) and (self.is_mutation or database.is_wrong_node(error)):
            raise error
        return result


def _answer(result: ExecutionResult) -> Answer:
    found = [(error, meant_by(error)) for error in result.errors or []]
    body: dict[str, Any] = {}
    if found:
        body["errors"] = [shown(meaning, error) for error, meaning in found]
    is_run = result.data is not None or any(error.path for error, _ in found)
    if is_run:
        body["data"] = result.data
    status = _status(result.data, [meaning for _, meaning in found], is_run=is_run)
    return Answer(status, orjson.dumps(body), _headers([meaning for _, meaning in found], status))


def _status(data: dict[str, Any] | None, found: list[DomainError], *, is_run: bool) -> int:
    """200 for whatever was run; our own failure is told to proxies and probes too when nothing else was answered."""
    if not is_run:
        return HTTPStatus.BAD_REQUEST.value
    if data is None or all(value is None for value in data.values()):
        return max((error.status for error in found if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR), default=_OK)
    return _OK


def _headers(found: list[DomainError], status: int) -> dict[str, str]:
    waits = [error.retry_after for error in found if error.retry_after is not None]
    return {"Retry-After": str(max(waits))} if waits and status >= HTTPStatus.INTERNAL_SERVER_ERROR else {}


def refusal(error: DomainError, sources: list[GraphQLError] | None = None) -> Answer:
    """The answer to what is not run: the same error for each place in the document, or one without a place."""
    places: Sequence[GraphQLError | None] = sources or [None]
    entries = [shown(type(error)(source.message) if source else error, source) for source in places]
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Answer(error.status, orjson.dumps({"errors": entries}), headers)
