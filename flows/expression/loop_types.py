"""What the built-ins with a predicate take and give."""

from flows.expression.errors import Fault
from flows.expression.static_types import ARRAY, BOOL, GROUPS, INT, Type, array_of

_TESTS = {"all", "none", "any", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count"}


def gives_of(name: str, collection: Type, element: Type, answer: Type) -> Type:
    """The type a loop gives, from its array, the elements' type and what its predicate gives; or Fault."""
    if name in _TESTS and answer != BOOL and not answer.is_unknown:
        raise Fault(f"a predicate gives a boolean, not {answer.kind}")
    if name in ("all", "none", "any", "one"):
        return BOOL
    if name in ("findIndex", "findLastIndex", "count"):
        return INT
    if name == "filter":
        return array_of(element) if collection.is_array else ARRAY
    gives = {"map": array_of(answer), "groupBy": GROUPS, "sortBy": collection, "find": element, "findLast": element}
    return gives.get(name, answer)
