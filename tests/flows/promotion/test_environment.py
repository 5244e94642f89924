"""Expressions of a promotion see what Kargo shows them."""

import pytest

from blocks.errors import Invalid
from blocks.ledger.records import StepRun, StepStatus
from flows.expression.errors import ExpressionError
from flows.promotion.environment import (
    Preloaded,
    Scope,
    condition,
    configured,
    data_functions,
    promotion_context,
    state,
)
from tests.flows.promotion.workspace import START

CONTEXT = promotion_context(
    project="shop",
    stage="prod",
    promotion="prod.01jx.abc1234",
    freight="abc1234",
    alias="brave-bear",
    origin="main",
    actor="ada",
    ui_base_url="https://kargo.example.com",
)


def ran(alias, uses="http", status=StepStatus.SUCCEEDED, output=None, **fields):
    """A finished step."""
    return StepRun(0, alias, uses, status, 1, 0, START, START, output=output or {}, **fields)


def evaluated(expression, *, vars=(), runs=(), alias="here", step_vars=(), functions=None):
    """What one expression in a step's config comes to."""
    step = {"as": alias, "uses": "x", "vars": list(step_vars), "config": {"got": expression}}
    return configured(Scope(CONTEXT, list(vars), functions or {}), step, list(runs))["got"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ctx.project", "shop"),
        ("ctx.stage", "prod"),
        ("ctx.promotion", "prod.01jx.abc1234"),
        ("ctx.uiBaseUrl", "https://kargo.example.com"),
        ("ctx.targetFreight.name", "abc1234"),
        ("ctx.targetFreight.alias", "brave-bear"),
        ("ctx.targetFreight.origin.name", "main"),
        ("ctx.meta.promotion.actor", "ada"),
        ("ctx.meta.promotion.rollback", False),
        ("ctx.meta.step.alias", "here"),
    ],
)
def test_ctx(expression, expected):
    """`ctx` has Kargo's fields."""
    assert evaluated(f"${{{{ {expression} }}}}") == expected


def var(name, value):
    """A variable as frozen."""
    return {"name": name, "value": value}


@pytest.mark.parametrize(
    ("frozen", "step_vars", "expected"),
    [
        pytest.param([var("a", "stage")], [], "stage", id="stage"),
        pytest.param([var("a", "stage"), var("a", "template")], [], "template", id="template-over-stage"),
        pytest.param([var("a", "template")], [var("a", "task"), var("a", "step")], "step", id="step-over-task"),
        pytest.param([var("b", "x"), var("a", "${{ vars.b }}y")], [], "xy", id="over-earlier"),
        pytest.param([var("b", "x")], [var("a", "${{ vars.b }}z")], "xz", id="step-over-promotion"),
        pytest.param([var("a", "one")], [var("a", "${{ vars.a }}-two")], "one-two", id="over-itself"),
        pytest.param([{"name": "a"}], [], "", id="without-value"),
        pytest.param([var("a", "42")], [], 42, id="typed"),
    ],
)
def test_vars(frozen, step_vars, expected):
    """Later variables come over earlier ones and may use them."""
    assert evaluated("${{ vars.a }}", vars=frozen, step_vars=step_vars) == expected


def test_promotion_vars_see_no_outputs_and_step_vars_do():
    """Only a step's own variables look at what other steps put out."""
    runs = [ran("push", output={"commit": "c0ffee"})]
    using = var("a", "${{ outputs.push.commit }}")
    assert evaluated("${{ vars.a }}", step_vars=[using], runs=runs) == "c0ffee"
    with pytest.raises(ExpressionError):
        evaluated("${{ vars.a }}", vars=[using], runs=runs)


def test_outputs_of_tasks():
    """Inside its task a step sees short aliases, outside only what the task composed."""
    runs = [
        ran("t::build", output={"x": "1"}),
        ran("t::out", "compose-output", output={"y": "2"}),
        ran("out", "compose-output", output={"z": "3"}),
        ran("u::build", output={"x": "4"}),
    ]
    assert evaluated("${{ task.outputs.build.x + task.outputs.out.y }}", runs=runs, alias="t::next") == 12
    assert evaluated("${{ outputs.t.y + outputs.out.z }}", runs=runs) == 23
    assert set(state(runs)) == {"t::build", "t::out", "t", "out", "u::build"}


def test_steps_that_were_skipped_have_no_outputs():
    """What was never attempted is not in `outputs`."""
    assert state([StepRun(0, "a", "http", StepStatus.SKIPPED, finished_at=START)]) == {}


RUNS = [
    ran("a"),
    ran("b", status=StepStatus.FAILED, continue_on_error=True),
    ran("t::a", status=StepStatus.ERRORED),
]


@pytest.mark.parametrize(
    ("expression", "alias", "runs", "expected"),
    [
        pytest.param("always()", "x", RUNS, True, id="always"),
        pytest.param("failure()", "x", RUNS, True, id="failure"),
        pytest.param("failure()", "x", RUNS[:2], False, id="tolerated"),
        pytest.param("success()", "x", RUNS[:2], True, id="success"),
        pytest.param("status('a') == 'Succeeded'", "x", RUNS, True, id="outside-a-task"),
        pytest.param("status('a') == 'Errored'", "t::x", RUNS, True, id="inside-a-task"),
        pytest.param("status('nope') == ''", "x", RUNS, True, id="unknown"),
    ],
)
def test_status_functions(expression, alias, runs, expected):
    """Conditions ask how earlier steps went."""
    step = {"as": alias, "uses": "x", "if": f"${{{{ {expression} }}}}"}
    assert condition(Scope(CONTEXT), step, runs) is expected


@pytest.mark.parametrize("text", ["yes", "${{ 1 }}", "${{ 's3cret' }}", "${{ nil }}", "${{ [true] }}"])
def test_a_condition_is_a_boolean(text):
    """Anything else is refused, without telling what it was."""
    with pytest.raises(Invalid) as failure:
        condition(Scope(CONTEXT), {"as": "x", "uses": "x", "if": text}, [])
    assert "s3cret" not in str(failure.value)


DATA = Preloaded(
    config_maps={"c": {"k": "own"}},
    shared_config_maps={"c": {"k": "shared"}},
    secrets={"s": {"k": "s3cret"}},
    shared_secrets={"s": {"k": "sh4red"}},
    freight={"abc": {"issue": 7}},
    stages={"prod": {"paused": True}},
    statuses={"abc": {"currentlyIn": {"prod": {"since": "2025-01-01T00:00:00Z"}}}},
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("configMap('c').k", "own"),
        ("sharedConfigMap('c').k", "shared"),
        ("secret('s').k", "s3cret"),
        ("sharedSecret('s').k", "sh4red"),
        ("freightMetadata('abc').issue", 7),
        ("stageMetadata('prod').paused", True),
        ("freightStatus('abc').currentlyIn.prod.since", "2025-01-01T00:00:00Z"),
        ("freightMetadata('none') == nil and stageMetadata('none') == nil and freightStatus('none') == nil", True),
        ("stageMetadata('none')?.paused ?? 'never'", "never"),
        ("len(configMap('none'))", 0),
        ("len(secret('none'))", 0),
    ],
)
def test_data_functions(expression, expected):
    """A ConfigMap or Secret that is missing is an empty map, metadata that is missing nil."""
    assert evaluated(f"${{{{ {expression} }}}}", functions=data_functions(DATA)) == expected


def test_secrets_are_not_shown():
    """A repr of the data, as in a traceback, has no secret in it."""
    scope = Scope(CONTEXT, [], data_functions(DATA))
    assert "s3cret" not in repr(DATA) + repr(scope)
    assert "sh4red" not in repr(DATA) + repr(scope)


def test_target():
    """A Promotion of a target sees its name, params and labels, also in variables; any other knows no `target`."""
    target = {"name": "eu", "params": {"namespace": "shop-eu", "replicas": 3}, "labels": {"tier": "prod"}}
    scope = Scope(CONTEXT, [{"name": "where", "value": "${{ target.params.namespace }}"}], target={"target": target})
    config = {"a": "${{ vars.where }}", "b": "${{ target.params.replicas + 1 }}", "c": "${{ target.labels.tier }}"}
    step = {"as": "here", "uses": "x", "config": config}
    assert configured(scope, step, []) == {"a": "shop-eu", "b": 4, "c": "prod"}
    with pytest.raises(ExpressionError):
        evaluated("${{ target.name }}")
