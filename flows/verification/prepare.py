"""From a Stage's verification and its templates to metrics that can be measured."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from blocks.errors import Invalid
from flows.expression import render
from flows.promotion.environment import evaluated
from flows.promotion.model import Variable
from flows.stage.model import Verification
from flows.verification.combine import Planned, combine, lifetime, plan, resolve
from flows.verification.field_path import read_field, with_more
from flows.verification.model import AnalysisTemplateSpec

Json = dict[str, Any]
Secrets = Mapping[str, Mapping[str, str]]


def prepare(
    wanted: Verification,
    templates: Sequence[tuple[str, Json | None]],
    *,
    variables: Sequence[Variable],
    context: Json,
    functions: Mapping[str, Callable[..., Any]],
    secrets: Secrets,
    metadata: Json | None = None,
) -> tuple[list[Planned], dict[str, str]]:
    """Return the metrics with their arguments put in, and the secret texts that nothing may show, with their Secrets.

    `templates` are names and specs, nested ones too, None where there is none; `secrets` maps a Secret's name to its
    data, and `metadata` is the Stage's. Raises Invalid with a sentence (Kargo: the verification is then an Error).
    """
    combined = combine([_spec(name, spec) for name, spec in templates])
    environment: Json = {**functions, "ctx": context}
    known = evaluated([each.model_dump(by_alias=True) for each in variables], environment, {})
    given = {
        each.name: _text(each.name, render(each.value or "", environment | {"vars": known})) for each in wanted.args
    }

    def secret(name: str, key: str) -> str:
        if key not in secrets.get(name, {}):
            raise Invalid(f"there is no Secret {name!r} with the key {key!r}, which an analysis template refers to")
        return secrets[name][key]

    seen = with_more(metadata or {}, wanted.analysis_run_metadata.model_dump())
    arguments = resolve(combined.args, given, secret, lambda path: read_field(path, seen))
    return plan(combined, arguments), arguments.secrets


def kept_for(templates: Sequence[tuple[str, Json | None]], success: bool) -> timedelta | None:
    """How long the measurements of such templates are kept; None for always."""
    return lifetime([AnalysisTemplateSpec.model_validate(spec) for _, spec in templates if spec], success)


def _spec(name: str, spec: Json | None) -> AnalysisTemplateSpec:
    if spec is None:
        raise Invalid(f"there is no analysis template {name!r}: apply it, or take it out of the Stage's verification")
    try:
        return AnalysisTemplateSpec.model_validate(spec)
    except ValidationError as error:
        raise Invalid(
            f"analysis template {name!r} is not valid: {error.error_count()} problems; apply it again"
        ) from None


def _text(name: str, value: Any) -> str:
    """An argument must be text (Kargo): a number or boolean after inference needs `quote()`."""
    if not isinstance(value, str):
        raise Invalid(f"verification argument {name!r} is {type(value).__name__}, not text: wrap it in quote()")
    return value
