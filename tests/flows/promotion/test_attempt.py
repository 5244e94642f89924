"""One attempt: the config is checked, the step is run, and nothing secret is told."""

import asyncio

import pytest

from blocks.errors import Invalid
from flows.promotion.attempt import attempt, check
from flows.promotion.result import Failed, Succeeded
from flows.promotion.steps import STEPS
from tests.flows.promotion.workspace import step_context


@pytest.mark.parametrize(
    ("uses", "config", "paths"),
    [
        pytest.param("yaml-update", {}, ["config.path", "config.updates"], id="missing"),
        pytest.param(
            "yaml-update",
            {"path": "a", "updates": [{"key": "k", "value": ["s3cret"]}], "token": "s3cret"},
            ["config.updates[0].value", "config.token"],
            id="wrong-and-unknown",
        ),
        pytest.param("http", {"url": "x", "timeout": "s3cret"}, ["config.timeout"], id="own-check"),
        pytest.param("http", {"url": "x", "method": "s3cret"}, ["config.method"], id="choice"),
        pytest.param("copy", {"inPath": {"s": "s3cret"}, "outPath": "x"}, ["config.inPath"], id="type"),
    ],
)
async def test_a_wrong_config_is_failed_for_good(tmp_path, uses, config, paths):
    """All problems are told with their places and without their values."""
    result = await attempt({"uses": uses}, config, step_context(tmp_path))
    assert isinstance(result, Failed)
    assert result.terminal
    assert "s3cret" not in result.message
    for path in paths:
        assert f"{path}" in result.message
    with pytest.raises(Invalid):
        check(STEPS[uses], config)


async def test_plain_functions_leave_the_loop_free(tmp_path):
    """A step that is no coroutine runs in a thread while others go on."""
    (tmp_path / "in").write_text("x")
    beats = []

    async def beat():
        beats.append(1)

    result, _ = await asyncio.gather(
        attempt({"uses": "copy"}, {"inPath": "in", "outPath": "out"}, step_context(tmp_path)), beat()
    )
    assert (type(result), beats, (tmp_path / "out").read_text()) == (Succeeded, [1], "x")


async def test_compose_output(tmp_path):
    """Whatever the config says is put out."""
    config = {"a": 1.0, "b": {"c": ["d"]}, "model_config": "e"}
    assert await attempt({"uses": "compose-output"}, config, step_context(tmp_path)) == Succeeded(config)


@pytest.mark.parametrize(
    ("config", "message"), [({"message": "not on Fridays"}, "not on Fridays"), ({}, "step 'stop' failed as it should")]
)
async def test_fail(tmp_path, config, message):
    """The message ends the promotion."""
    assert await attempt({"uses": "fail"}, config, step_context(tmp_path, alias="stop")) == Failed(message)


@pytest.mark.parametrize("kind", STEPS)
def test_every_kind_has_the_shape_of_a_step(kind):
    """The table's modules have a frozen config without unknown keys or one that takes any, and say what they touch."""
    module = STEPS[kind]
    assert module.Config.model_config["frozen"] is True
    assert module.Config.model_config["extra"] == ("allow" if kind == "compose-output" else "forbid")
    assert isinstance(module.OUTWARD, bool)
    assert callable(module.run)
    assert all(field.description for field in module.Config.model_fields.values())
