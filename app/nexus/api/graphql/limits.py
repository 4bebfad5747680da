"""What a document may ask for: measured before it is run, from the document and its variables alone.

Depth counts fields inside fields. Cost is how many values the answer can hold: each field counts one, multiplied by
`first` or `last` of every connection around it (by ten for a list that has no pages). Introspection counts for neither;
its own depth is bounded by a rule of graphql-core.
"""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    visit,
)

from nexus.api.graphql.errors import QueryTooCostly, QueryTooDeep, QueryTooManyAliases
from nexus.kernel.pages import LIMIT_DEFAULT, LIMIT_MAX

TOKENS_MAX: Final = 1_500
DEPTH_MAX: Final = 16
ALIASES_MAX: Final = 30
COST_MAX: Final = 10_000
LIST_COST: Final = 10
_SIZES: Final = ("first", "last")

_Fragments = dict[str, FragmentDefinitionNode]


def check_form(document: DocumentNode) -> None:
    """Raises QueryTooDeep or QueryTooManyAliases. Needs no schema, so it comes before the dearer validation."""
    walk = _Form({d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)})
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            walk.depth_of(definition.selection_set)
    for fragment in walk.fragments.values():
        walk.depth_of_fragment(fragment.name.value)
    if walk.aliases > ALIASES_MAX:
        raise QueryTooManyAliases(f"The document has {walk.aliases} aliases; {ALIASES_MAX} are allowed.")


class _Form:
    """Counts each selection of a document once, fragments included."""

    def __init__(self, fragments: _Fragments) -> None:
        self.fragments = fragments
        self.aliases = 0
        self._depths: dict[str, int] = {}

    def depth_of(self, selections: SelectionSetNode | None, above: int = 0) -> int:
        if selections is None:
            return 0
        if above > DEPTH_MAX:
            raise QueryTooDeep(f"The document is more than {DEPTH_MAX} fields deep.")
        deepest = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                self.aliases += node.alias is not None
                if not node.name.value.startswith("__"):
                    deepest = max(deepest, 1 + self.depth_of(node.selection_set, above + 1))
            elif isinstance(node, InlineFragmentNode):
                # Counted as a level on the way down, or a document of inline fragments only would have none.
                deepest = max(deepest, self.depth_of(node.selection_set, above + 1))
            elif isinstance(node, FragmentSpreadNode):
                deepest = max(deepest, self.depth_of_fragment(node.name.value))
        if above + deepest > DEPTH_MAX:
            raise QueryTooDeep(f"The document is more than {DEPTH_MAX} fields deep.")
        return deepest

    def depth_of_fragment(self, name: str) -> int:
        if name not in self._depths:
            # A cycle and an unknown name are the validation's business: here they are flat.
            self._depths[name] = 0
            if name in self.fragments:
                self._depths[name] = self.depth_of(self.fragments[name].selection_set)
        return self._depths[name]


def size_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables on which the cost of a document depends: those in `first` and `last`."""
    found: list[str] = []

    class Finder(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: object) -> None:
            if node.name.value in _SIZES and isinstance(node.value, VariableNode):
                found.append(node.value.name.value)

    visit(document, Finder())
    return tuple(dict.fromkeys(found))


def cost_of(
    operation: OperationDefinitionNode, document: DocumentNode, schema: GraphQLSchema, variables: Mapping[str, Any]
) -> int:
    """How many values the answer of one operation of a valid document can hold."""
    defaults = {
        definition.variable.name.value: _literal(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    walk = _Costs(schema, fragments, {**defaults, **variables})
    return walk.of(operation.selection_set, schema.get_root_type(operation.operation), LIMIT_DEFAULT)


def check_cost(cost: int) -> None:
    """Raises QueryTooCostly."""
    if cost > COST_MAX:
        raise QueryTooCostly(f"The answer could hold {cost} values; {COST_MAX} are allowed.")


class _Costs:
    """Walks a valid document along the schema; each fragment once for each page size that it inherits."""

    def __init__(self, schema: GraphQLSchema, fragments: _Fragments, variables: Mapping[str, Any]) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self._known: dict[tuple[str, int], int] = {}

    def of(self, selections: SelectionSetNode, parent: GraphQLNamedType | None, inherited: int) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += self._of_field(node, parent, inherited)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                below = self.schema.get_type(condition.name.value) if condition else parent
                total += self.of(node.selection_set, below, inherited)
            elif isinstance(node, FragmentSpreadNode):
                total += self._of_fragment(node.name.value, inherited)
        return total

    def _of_fragment(self, name: str, inherited: int) -> int:
        key = (name, inherited)
        if key not in self._known:
            fragment = self.fragments[name]
            below = self.schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self.of(fragment.selection_set, below, inherited)
        return self._known[key]

    def _of_field(self, node: FieldNode, parent: GraphQLNamedType | None, inherited: int) -> int:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if definition is None or node.selection_set is None:
            return 1  # a value, __typename, or introspection
        # A list's page size may stand on the field above it: thread(first: 5) { comments { .. } }
        size = self._page_size(node) if "first" in definition.args else inherited
        kind = get_named_type(definition.type)
        times = size if _is_connection(kind) else LIST_COST if _is_plain_list(definition.type, parent) else 1
        return 1 + times * self.of(node.selection_set, kind, size)

    def _page_size(self, node: FieldNode) -> int:
        sizes = [self._given(a.value) for a in node.arguments or () if a.name.value in _SIZES]
        return max((size for size in sizes if size is not None), default=LIMIT_DEFAULT)

    def _given(self, node: ValueNode) -> int | None:
        value = self.variables.get(node.name.value) if isinstance(node, VariableNode) else _literal(node)
        if value is None:
            return None
        # What is no page size fails later; until then it must not make the document cheap.
        return min(max(value, 0), LIMIT_MAX) if isinstance(value, int) else LIMIT_MAX


def _literal(node: ValueNode) -> object:
    if isinstance(node, NullValueNode):
        return None
    return int(node.value) if isinstance(node, IntValueNode) else node


def _is_connection(kind: GraphQLNamedType) -> bool:
    return isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection")


def _is_plain_list(of: GraphQLOutputType, parent: GraphQLNamedType | None) -> bool:
    """A list of objects that no page size bounds; `edges` and `nodes` are bounded by their connection's."""
    is_bounded = parent is not None and _is_connection(parent)
    return not is_bounded and is_list_type(get_nullable_type(of)) and is_composite_type(get_named_type(of))
