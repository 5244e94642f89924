"""`drayage evaluate`: try an expression or a template."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from blocks.errors import DrayageError, Invalid
from deployments.fail import fail

Environment = Annotated[Path | None, typer.Option("--env", help="JSON file with the variables.")]
InProject = Annotated[str, typer.Option("--project", "-p", help="Project of --stage.", envvar="DRAYAGE_PROJECT")]
InStage = Annotated[str, typer.Option("--stage", help="See what a promotion to this Stage would see.")]
OfFreight = Annotated[str, typer.Option("--freight", help="The Freight it would bring; else the candidate.")]


def evaluate(
    expression: Annotated[str, typer.Argument(help="An expression, or a template with ${{ }}.")],
    env: Environment = None,
    project: InProject = "",
    stage: InStage = "",
    freight: OfFreight = "",
) -> None:
    """Show the value and the type of an expression, or of a template as steps see it."""
    if (stage and not project) or (freight and not stage):
        raise typer.BadParameter("--freight goes with --stage, and --stage with --project")
    try:
        given = _variables(env) if env else {}
        shown = _in_stage(expression, given, project, stage, freight) if stage else _in_words(_value(expression, given))
    except DrayageError as error:
        fail(str(error))
    print(shown)


def _in_stage(expression: str, given: dict[str, Any], project: str, stage: str, freight: str) -> str:
    """Evaluate over a Stage and a Freight; what is secret there is not shown."""
    from datetime import UTC, datetime

    from deployments.command import run_command
    from flows.current_run import operating_user
    from flows.draft import draft, draft_scope, variables_of
    from flows.promotion.admission import Wish
    from flows.redaction import redacted
    from flows.world import World

    async def work(here: World) -> str:
        record = await draft(here, Wish(project, stage, operating_user(), freight), datetime.now(UTC))
        scope = await draft_scope(here, record, expression)
        return redacted(_in_words(_value(expression, variables_of(scope) | given)), scope.secrets)

    return run_command(work)


def _in_words(value: Any) -> str:
    return f"{_shown(value)}\ntype: {_type(value)}"


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
