"""`drayage evaluate`: try an expression or a template."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from blocks.errors import DrayageError, Invalid
from deployments.fail import fail

Environment = Annotated[Path | None, typer.Option("--env", help="JSON file with the variables.")]


def evaluate(
    expression: Annotated[str, typer.Argument(help="An expression, or a template with ${{ }}.")],
    env: Environment = None,
) -> None:
    """Show the value and the type of an expression, or of a template as steps see it."""
    try:
        value = _value(expression, _variables(env) if env else {})
    except DrayageError as error:
        fail(str(error))
    print(_shown(value))
    print(f"type: {_type(value)}")


def _value(expression: str, variables: dict[str, Any]) -> Any:
    from flows.expression import evaluate as evaluate_expression
    from flows.expression import render
    from flows.expression.functions import FUNCTIONS

    if "${{" in expression or "${%" in expression:
        return render(expression, variables)
    return evaluate_expression(expression, {**FUNCTIONS, **variables})


def _shown(value: Any) -> str:
    """Show a value as Kargo would put it into text: whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str)


def _variables(path: Path) -> dict[str, Any]:
    try:
        variables = json.loads(path.read_text())
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Invalid(f"{path} is no JSON: {error}") from None
    if not isinstance(variables, dict):
        raise Invalid(f"{path} holds {_type(variables)}, expected an object with the variables")
    return variables


def _type(value: Any) -> str:
    names: dict[type, str] = {
        type(None): "nil",
        bool: "bool",
        int: "int",
        float: "float64",
        str: "string",
        list: "array",
        dict: "map",
    }
    return names.get(type(value), type(value).__name__)
