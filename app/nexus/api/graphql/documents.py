"""Documents, read and checked once: a cache by hash, and the trusted documents that were agreed on before."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from nexus.api.graphql import limits
from nexus.api.graphql.errors import DocumentInvalid, DocumentNotTrusted, QueryTooDeep, QueryTooLong, SeveralMutations
from nexus.kernel.errors import InvalidInput

TRUSTED: Final = Path(__file__).resolve().parents[3] / "contracts" / "trusted_documents"
# One character of a document is about 150 bytes of parsed document.
CACHED_CHARACTERS: Final = 131_072
_COSTS_KEPT: Final = 16


class Refused(Exception):
    """The document is not run: every error that was found in it."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("refused")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document of bounded depth."""

    text: str
    ast: DocumentNode
    operations: dict[str | None, OperationDefinitionNode]
    size_variables: tuple[str, ...]
    _costs: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None or name not in self.operations:
            raise InvalidInput.at("/operationName", "unknown_operation", "Name one of the document's operations.")
        return self.operations[name]

    def check_cost(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any], schema: GraphQLSchema
    ) -> None:
        """Raises QueryTooCostly. What was reckoned for the same page sizes is not reckoned again."""
        key = (id(operation), *(repr(variables.get(name, ...)) for name in self.size_variables))
        cost = self._costs.get(key)
        if cost is None:
            cost = limits.cost_of(operation, self.ast, schema, variables)
            if len(self._costs) >= _COSTS_KEPT:
                self._costs.clear()
            self._costs[key] = cost
        limits.check_cost(cost)


def hash_of(text: str) -> str:
    """What a trusted document is called: SHA-256 of its text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1)
def trusted() -> Mapping[str, str]:
    """The trusted documents by hash."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(TRUSTED.glob("*.graphql"))]
    return {hash_of(text): text for text in texts}


def trusted_text(digest: str) -> str:
    """The trusted document of that hash."""
    try:
        return trusted()[digest]
    except KeyError:
        raise DocumentNotTrusted(f"There is no trusted document {digest[:80]!r}.") from None


class DocumentCache:
    """Valid documents by hash, the least recently used given up when they get too many. Safe for threads."""

    def __init__(self, schema: GraphQLSchema, characters: int = CACHED_CHARACTERS) -> None:
        self._schema = schema
        self._room = characters
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bool], Document] = OrderedDict()

    def document(self, text: str) -> Document:
        """The document in `text`. Raises Refused, or an error for a document that is too long or too deep."""
        introspection: bool = settings.NEXUS.graphql_introspection
        key = (hash_of(text), introspection)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        document = read(text, self._schema, introspection=introspection)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = document
                self._room -= len(text)
            while self._room < 0 and self._kept:
                _, old = self._kept.popitem(last=False)
                self._room += len(old.text)
        return document


def read(text: str, schema: GraphQLSchema, *, introspection: bool) -> Document:
    """Parses and checks a document: cheap bounds first, so that no check runs on more than it can take."""
    try:
        ast = parse(text, max_lexical_tokens=limits.TOKENS_MAX, max_comments=limits.TOKENS_MAX)
    except GraphQLSyntaxError as error:
        if "contains more than" in error.message:
            raise QueryTooLong(f"The document has more than {limits.TOKENS_MAX} tokens.") from None
        if "nested too deeply" in error.message:
            raise QueryTooDeep from None
        raise Refused([error]) from None
    limits.check_form(ast)
    rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    if found := validate(schema, ast, rules, max_errors=20, hide_suggestions=not introspection):
        raise Refused(found)
    operations: dict[str | None, OperationDefinitionNode] = {}
    for definition in ast.definitions:
        if isinstance(definition, OperationDefinitionNode):
            _check_operation(definition, schema)
            operations[definition.name.value if definition.name else None] = definition
    if not operations:
        raise DocumentInvalid("The document has no operation.")
    return Document(text, ast, operations, limits.size_variables(ast))


def _check_operation(operation: OperationDefinitionNode, schema: GraphQLSchema) -> None:
    """One mutation field, written directly: what it is can then be told from the document alone."""
    if operation.operation is OperationType.MUTATION:
        fields = operation.selection_set.selections
        if len(fields) != 1 or not isinstance(fields[0], FieldNode):
            raise SeveralMutations
