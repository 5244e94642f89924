"""What expressions see while a Promotion runs: `ctx`, `vars`, `outputs`, `task.outputs` and the functions.

Variables come in the order Stage, template, promotion, task, step, the later over the earlier; each sees those
before it, and only a step's own (and its task's) see outputs (Kargo §7).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from blocks.errors import Invalid
from blocks.ledger.records import StepRun
from flows import expression
from flows.promotion.inflate import SEPARATOR
from flows.promotion.rules import has_failures

Json = dict[str, Any]
Functions = Mapping[str, Callable[..., Any]]

PUBLISHES = "compose-output"
"""The step kind whose outputs leave its task, as `outputs.<task alias>`."""


class Data(Protocol):
    """Looks up what people keep beside their pipelines and what steps noted."""

    def config_map(self, name: str, shared: bool = False) -> Mapping[str, str]:
        """A ConfigMap's data, the project's or a shared one."""

    def secret(self, name: str, shared: bool = False) -> Mapping[str, str]:
        """A generic Secret's data, the project's or a shared one."""

    def freight_metadata(self, name: str) -> Mapping[str, Any] | None:
        """What steps noted about a Freight, None without any."""

    def stage_metadata(self, name: str) -> Mapping[str, Any] | None:
        """What steps noted about a Stage, None without any."""

    def freight_status(self, name: str) -> Mapping[str, Any] | None:
        """Where a Freight stands, in Kargo's shape; None without such Freight."""


@dataclass(frozen=True)
class Preloaded:
    """Data that was read before; each map is keyed by name. Secrets are kept out of the repr."""

    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shared_config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    shared_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    freight: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    statuses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def config_map(self, name: str, shared: bool = False) -> Mapping[str, str]:
        """A ConfigMap's data."""
        return (self.shared_config_maps if shared else self.config_maps).get(name, {})

    def secret(self, name: str, shared: bool = False) -> Mapping[str, str]:
        """A Secret's data."""
        return (self.shared_secrets if shared else self.secrets).get(name, {})

    @property
    def secret_texts(self) -> list[str]:
        """Every value of every Secret."""
        return [
            text for each in (self.secrets, self.shared_secrets) for data in each.values() for text in data.values()
        ]

    def freight_metadata(self, name: str) -> Mapping[str, Any] | None:
        """A Freight's metadata."""
        return self.freight.get(name)

    def stage_metadata(self, name: str) -> Mapping[str, Any] | None:
        """A Stage's metadata."""
        return self.stages.get(name)

    def freight_status(self, name: str) -> Mapping[str, Any] | None:
        """A Freight's status."""
        return self.statuses.get(name)


def data_functions(data: Data) -> dict[str, Callable[..., Any]]:
    """The functions that look data up, by the names expressions use.

    A ConfigMap or Secret that is missing is an empty map, metadata that is missing nil (Kargo).
    """

    def noted(find: Callable[[str], Mapping[str, Any] | None]) -> Callable[[str], Json | None]:
        def look(name: str) -> Json | None:
            if not name:
                raise Invalid("the name must not be empty")
            found = find(name)
            return None if found is None else dict(found)

        return look

    return {
        "configMap": lambda name: dict(data.config_map(name)),
        "sharedConfigMap": lambda name: dict(data.config_map(name, shared=True)),
        "secret": lambda name: dict(data.secret(name)),
        "sharedSecret": lambda name: dict(data.secret(name, shared=True)),
        "freightMetadata": noted(data.freight_metadata),
        "freightStatus": noted(data.freight_status),
        "stageMetadata": noted(data.stage_metadata),
    }


async def _as_it_is() -> None:
    """Leave what functions know alone."""


@dataclass(frozen=True)
class Scope:
    """What all steps of one Promotion share: `ctx`, the frozen variables, the target, Freight and data functions.

    `secrets` are texts that no message of a step may show. `target` holds `target`, where there is one. `renew` brings
    what functions know of Freight and Stages up to date; it is called before a step's condition or config is evaluated.
    """

    context: Json
    vars: Sequence[Json] = ()
    functions: Functions = field(default_factory=dict, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    renew: Callable[[], Awaitable[None]] = field(default=_as_it_is, repr=False)
    target: Json = field(default_factory=dict)


def promotion_context(
    *,
    project: str,
    stage: str,
    promotion: str,
    freight: str,
    alias: str = "",
    origin: str = "",
    actor: str = "",
    rollback: bool = False,
    ui_base_url: str = "",
) -> Json:
    """Build `ctx` of a Promotion, all but the step's alias. `freight` is the target's name, `origin` its Warehouse."""
    return {
        "uiBaseUrl": ui_base_url,
        "project": project,
        "stage": stage,
        "promotion": promotion,
        "targetFreight": {"name": freight, "alias": alias, "origin": {"name": origin}},
        "meta": {"promotion": {"actor": actor, "rollback": rollback}},
    }


def condition(scope: Scope, step: Json, runs: Sequence[StepRun]) -> bool:
    """Evaluate a step's `if` over the steps so far. Raises ExpressionError, or Invalid when it is no boolean."""
    answer = expression.render(step["if"], _environment(scope, step, runs) | status_functions(step["as"], runs))
    if not isinstance(answer, bool):
        raise Invalid(f"'if' must be true or false, and it is {_kind(answer)}; write it as ${{{{ … }}}}")
    return answer


def configured(scope: Scope, step: Json, runs: Sequence[StepRun]) -> Json:
    """Evaluate a step's config over the steps so far. Raises ExpressionError."""
    if not step.get("config"):
        return {}
    config: Json = expression.render(
        step["config"], _environment(scope, step, runs) | status_functions(step["as"], runs)
    )
    return config


def _environment(scope: Scope, step: Json, runs: Sequence[StepRun]) -> Json:
    meta = scope.context.get("meta", {}) | {"step": {"alias": step["as"]}}
    before = {**scope.functions, **scope.target, "ctx": scope.context | {"meta": meta}}
    outputs = state(runs)
    seen = before | {"outputs": outputs, **_task(step["as"], outputs)}
    variables = evaluated(scope.vars, before, {})
    return seen | {"vars": evaluated(step.get("vars") or [], seen, variables)}


def evaluated(variables: Sequence[Json], env: Json, earlier: Json) -> Json:
    """Evaluate variables one after the other, each over `env` and those before it. Raises ExpressionError."""
    values = dict(earlier)
    for variable in variables:
        values[variable["name"]] = expression.render(variable.get("value") or "", env | {"vars": dict(values)})
    return values


def state(runs: Sequence[StepRun]) -> Json:
    """Return `outputs`: by alias, what each attempted step put out, and what tasks publish."""
    outputs: Json = {}
    for run in runs:
        if not run.attempts:
            continue
        outputs[run.alias] = dict(run.output)
        if run.uses == PUBLISHES and (task := _namespace(run.alias)):
            outputs[task] = {**outputs.get(task, {}), **run.output}
    return outputs


def _task(alias: str, outputs: Json) -> Json:
    """Return `task`, for steps that came from one: the outputs of its steps by their short aliases."""
    task = _namespace(alias)
    if not task:
        return {}
    start = len(task) + len(SEPARATOR)
    return {"task": {"outputs": {name[start:]: value for name, value in outputs.items() if _namespace(name) == task}}}


def status_functions(alias: str, runs: Sequence[StepRun]) -> dict[str, Callable[..., Any]]:
    """The functions that ask how earlier steps went; `status` sees the task of the step it is asked from."""
    task = _namespace(alias)
    found = {run.alias.removeprefix(task + SEPARATOR): run for run in runs if _namespace(run.alias) == task}

    def status(name: str) -> str:
        if not name:
            raise Invalid("status() needs the alias of a step")
        return found[name].status.value if name in found else ""

    return {
        "always": lambda: True,
        "failure": lambda: has_failures(runs),
        "success": lambda: not has_failures(runs),
        "status": status,
    }


def _namespace(alias: str) -> str:
    parts = alias.split(SEPARATOR)
    return parts[0] if len(parts) == 2 else ""


def _kind(answer: Any) -> str:
    """Name a kind of value without telling the value, which may be a secret."""
    names: dict[type, str] = {str: "text", type(None): "null", list: "a list", dict: "an object"}
    return names.get(type(answer), "a number")
