"""Judges one measurement by its conditions, as Argo Rollouts does."""

import math
from collections.abc import Callable
from typing import Any, Literal

from flows.expression.checker import Scope
from flows.expression.errors import ExpressionError, Fault
from flows.expression.evaluation import run_strictly
from flows.expression.numbers_text import parse_float, parse_int
from flows.expression.operators import truncate
from flows.expression.static_types import ANY, BOOL, FLOAT, FLOATS, INT, Signature, Type, type_of
from flows.expression.values import INTEGERS, NUMBERS, type_name

Phase = Literal["Successful", "Failed", "Inconclusive", "Error"]

_TYPED = {
    "asInt": (Signature((ANY,), INT),),
    "asFloat": (Signature((ANY,), FLOAT),),
    "isNaN": (Signature((FLOAT,), BOOL),),
    "isInf": (Signature((FLOAT,), BOOL),),
    "isNil": (Signature((ANY,), BOOL),),
    "default": (Signature((ANY, ANY), ANY),),
}


def judge(
    result: Any, success_condition: str, failure_condition: str, *, vector: bool | None = None
) -> tuple[Phase, str]:
    """Judge a measurement and say why.

    Of `result`, a float and an int are told apart, None is no data, a dict or list is a JSON
    document. A list that is a `vector`, by default any list of floats, is known to hold floats: a
    condition that treats them as something else is an error. Both conditions are always evaluated;
    whatever fails in one, or gives no boolean, is "Error".
    """
    type_ = FLOATS if (_is_vector(result) if vector is None else vector) else type_of(result)
    verdicts: dict[str, bool] = {}
    for name, condition in (("successCondition", success_condition), ("failureCondition", failure_condition)):
        try:
            if condition:
                verdicts[name] = _holds(condition, result, type_)
        except ExpressionError as error:
            no_data = "" if result not in (None, []) else " There are no data: see what the metric's query finds."
            return "Error", f"{name}: {error}{no_data}"
    return _phase(verdicts.get("successCondition"), verdicts.get("failureCondition"))


def _is_vector(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and all(item.__class__ is float for item in result)


def _holds(condition: str, value: Any, type_: Type) -> bool:
    env = {**_functions(value), "result": value}
    scope = Scope({"result": type_}, _TYPED, strict=True)
    verdict = run_strictly(condition, env, scope)
    if verdict.__class__ is not bool:
        raise ExpressionError(f"a condition gives a boolean, not {type_name(verdict)}")
    return bool(verdict)


def _phase(success: bool | None, failure: bool | None) -> tuple[Phase, str]:
    if failure:
        return "Failed", "The failure condition holds."
    if success:
        return "Successful", "The success condition holds."
    if success is None:
        return "Successful", "There is no condition." if failure is None else "The failure condition does not hold."
    if failure is None:
        return "Failed", "The success condition does not hold."
    return "Inconclusive", "Neither the success nor the failure condition holds."


def _functions(value: Any) -> dict[str, Callable[..., Any]]:
    """The functions of conditions; isNil and default look at the measurement itself, whatever they are given."""
    return {
        "asInt": _as_int,
        "asFloat": _as_float,
        "isNaN": lambda number: math.isnan(_float("isNaN", number)),
        "isInf": lambda number: math.isinf(_float("isInf", number)),
        "isNil": lambda _given: value is None,
        "default": lambda _given, instead: instead if value is None else value,
    }


def _as_int(value: Any) -> int:
    if value.__class__ in NUMBERS:
        return truncate(value)
    number = parse_int(value) if value.__class__ is str else None
    if number is None:
        raise Fault(f"asInt cannot read {type_name(value)} as an integer")
    return number


def _as_float(value: Any) -> float:
    if value.__class__ in NUMBERS:
        return float(value)
    number = parse_float(value) if value.__class__ is str else None
    if number is None:
        raise Fault(f"asFloat cannot read {type_name(value)} as a number")
    return number


def _float(name: str, value: Any) -> float:
    if value.__class__ in INTEGERS or value.__class__ is not float:
        raise Fault(f"{name} takes a float, not {type_name(value)}")
    return float(value)
