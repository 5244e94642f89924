"""Makes one set of metrics out of several templates and puts arguments into them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import re2
from pydantic import ValidationError

from blocks.errors import Invalid
from flows.verification.model import AnalysisTemplateSpec, Argument, Metric, MetricRule

Lookup = Callable[[str, str], str]
"""Returns the value of a Secret: `lookup(name, key)`."""

FieldLookup = Callable[[str], str]
"""Returns a field of the Stage: `lookup(path)`."""

RETAINED = 10
"""Measurements kept of a metric nothing else is said about."""

TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Arguments:
    """Values by name, and which texts must not be shown, with the name of the Secret each is from."""

    values: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Names only."""
        return f"Arguments({', '.join(self.values)})"


@dataclass(frozen=True)
class Planned:
    """One metric ready to be measured; a `dry_run` metric is measured but does not count."""

    metric: Metric
    dry_run: bool = False
    retain: int = RETAINED


def combine(templates: Sequence[AnalysisTemplateSpec]) -> AnalysisTemplateSpec:
    """Join templates into one. Raises Invalid, naming every conflict between them."""
    metrics = [metric for template in templates for metric in template.metrics]
    dry_run = [rule for template in templates for rule in template.dry_run]
    retention = [rule for template in templates for rule in template.measurement_retention]
    args, problems = _joined([argument for template in templates for argument in template.args])
    problems += [f"two metrics are named {name!r}" for name in _twice([metric.name for metric in metrics])]
    problems += [f"dryRun names {name!r} twice" for name in _twice([rule.metric_name for rule in dry_run])]
    twice = _twice([rule.metric_name for rule in retention])
    problems += [f"measurementRetention names {name!r} twice" for name in twice]
    problems += [] if metrics else ["there is no metric"]
    if problems:
        raise Invalid(f"the analysis templates cannot be combined: {'; '.join(problems)}")
    return AnalysisTemplateSpec(args=args, metrics=metrics, dry_run=dry_run, measurement_retention=retention)


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _joined(arguments: Sequence[Argument]) -> tuple[list[Argument], list[str]]:
    """One declaration per name: the first that has a value."""
    joined: dict[str, Argument] = {}
    problems = []
    for argument in arguments:
        before = joined.setdefault(argument.name, argument)
        if before.value is None:
            # A bare declaration must not take away an earlier Secret reference.
            joined[argument.name] = argument if argument.value is not None or argument.value_from else before
        elif argument.value not in (None, before.value):
            problems.append(f"argument {argument.name!r} has both values {before.value!r} and {argument.value!r}")
    return list(joined.values()), problems


def lifetime(templates: Sequence[AnalysisTemplateSpec], success: bool) -> timedelta | None:
    """How long measurements are kept after such an end: the shortest that a template says, None when none does."""
    said = []
    for each in (template.ttl_strategy for template in templates if template.ttl_strategy):
        special = each.seconds_after_success if success else each.seconds_after_failure
        said.append(each.seconds_after_completion if special is None else special)
    return min((timedelta(seconds=each) for each in said if each is not None), default=None)


def resolve(
    declared: Sequence[Argument], given: Mapping[str, str], secret: Lookup, stage_field: FieldLookup
) -> Arguments:
    """Give every declared argument its value: the Stage's, else the template's; what is not declared is dropped.

    Raises Invalid, naming every argument that is left without.
    """
    values: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for argument in declared:
        source = argument.value_from.secret_key_ref if argument.value_from else None
        reference = argument.value_from.field_ref if argument.value_from else None
        if argument.name in given:
            values[argument.name] = given[argument.name]
        elif argument.value is not None:
            values[argument.name] = argument.value
        elif source:
            values[argument.name] = secret(source.name, source.key)
            secrets[values[argument.name]] = source.name
        elif reference:
            values[argument.name] = stage_field(reference.field_path)
    if missing := [argument.name for argument in declared if argument.name not in values]:
        raise Invalid(f"no value for argument(s) {', '.join(missing)}: give them in the Stage's verification.args")
    return Arguments(values, {secret: name for secret, name in secrets.items() if secret})


def plan(spec: AnalysisTemplateSpec, arguments: Arguments) -> list[Planned]:
    """Put arguments into all metrics and say which do not count and how much of each is kept. Raises Invalid."""
    dry_run = _matched("dryRun", spec.dry_run, spec.metrics)
    retention = _matched("measurementRetention", spec.measurement_retention, spec.metrics)
    limits = {name: rule.limit for rule in spec.measurement_retention for name in retention[rule.metric_name]}
    dry = {name for names in dry_run.values() for name in names}
    return [
        Planned(_filled(metric, arguments), metric.name in dry, limits.get(metric.name, RETAINED))
        for metric in spec.metrics
    ]


def _matched(field: str, rules: Sequence[MetricRule], metrics: Sequence[Metric]) -> dict[str, list[str]]:
    """Names of the metrics each rule is about; a rule about none is a mistake."""
    matched = {}
    for rule in rules:
        try:
            pattern = re2.compile(".*" if rule.metric_name == "*" else rule.metric_name)
        except re2.error:
            raise Invalid(f"{field}: {rule.metric_name!r} is no regular expression") from None
        matched[rule.metric_name] = [metric.name for metric in metrics if pattern.search(metric.name)]
        if not matched[rule.metric_name]:
            raise Invalid(f"{field}: no metric's name matches {rule.metric_name!r}")
    return matched


def _filled(metric: Metric, arguments: Arguments) -> Metric:
    written = metric.model_dump(by_alias=True, exclude_unset=True)
    filled = substitute(written, arguments.values)
    try:
        return Metric.model_validate(filled)
    except ValidationError as error:
        # Pydantic's own text would repeat values, and an argument may be a secret.
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors())
        raise Invalid(f"metric {metric.name!r} is not valid with its arguments: {said}") from None


def substitute(value: Any, arguments: Mapping[str, str]) -> Any:
    """Replace `{{args.x}}` and `{{ args.x }}` in every text and key of a JSON value. Raises Invalid for any other."""
    if isinstance(value, str):
        return TAG.sub(lambda tag: _value(tag.group(1), arguments), value)
    if isinstance(value, Mapping):
        return {substitute(key, arguments): substitute(item, arguments) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, arguments) for item in value]
    return value


def _value(tag: str, arguments: Mapping[str, str]) -> str:
    prefix, _, name = tag.strip().partition(".")
    if prefix != "args" or name not in arguments:
        raise Invalid(f"failed to resolve {{{{{tag}}}}}: declare it in the template's 'args' and give it a value")
    return arguments[name]
