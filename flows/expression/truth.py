"""Boolean parts of an expression whose value is known from its text alone."""

from flows.expression.syntax import Binary, Literal, Node, Unary

AND, OR = ("and", "&&"), ("or", "||")
_SCALARS = (int, str, bool)


def truth(node: Node) -> bool | None:
    """True or False when the text alone decides, else None."""
    if isinstance(node, Literal):
        return node.value if isinstance(node.value, bool) else None
    if isinstance(node, Unary) and node.operator in ("!", "not"):
        inner = truth(node.operand)
        return None if inner is None else not inner
    return _of_binary(node) if isinstance(node, Binary) else None


def _of_binary(node: Binary) -> bool | None:
    if node.operator == "==":
        return _equality(node.left, node.right)
    if node.operator not in (*AND, *OR):
        return None
    decisive = node.operator in OR
    sides = truth(node.left), truth(node.right)
    if decisive in sides:
        return decisive
    return None if None in sides else not decisive


def _equality(left: Node, right: Node) -> bool | None:
    if not (isinstance(left, Literal) and isinstance(right, Literal)):
        return None
    same_kind = left.value.__class__ is right.value.__class__ and left.value.__class__ in _SCALARS
    return left.value == right.value if same_kind else None
