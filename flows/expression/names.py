"""The names of the built-in functions."""

LOOPS = {
    **dict.fromkeys(("all", "none", "any", "one", "filter", "map", "groupBy"), (2, 2)),
    **dict.fromkeys(("find", "findIndex", "findLast", "findLastIndex"), (2, 2)),
    **dict.fromkeys(("count", "sum"), (1, 2)),
    **dict.fromkeys(("sortBy", "reduce"), (2, 3)),
}
"""Built-ins that run a predicate for each element, with the least and most arguments they take."""

_NUMBERS = "abs ceil floor round int float max min mean median bitand bitor bitxor bitnand bitshl bitshr bitushr bitnot"
_TEXT = (
    "string trim trimPrefix trimSuffix upper lower split splitAfter replace repeat join indexOf lastIndexOf"
    " hasPrefix hasSuffix toJSON fromJSON toBase64 fromBase64"
)
_TIMES = "now duration date timezone"
_COLLECTIONS = "len type first last get take keys values toPairs fromPairs reverse uniq concat flatten sort"

FUNCTIONS = frozenset(f"{_NUMBERS} {_TEXT} {_TIMES} {_COLLECTIONS}".split())
"""Built-ins that take plain arguments."""

BUILTINS = FUNCTIONS | LOOPS.keys()
"""All built-ins."""
