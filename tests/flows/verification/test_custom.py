"""Metrics that others wrote are called with what they ask for, and whatever they do is their fault."""

import pytest
from pydantic import ValidationError

from blocks.errors import DrayageError, Invalid
from flows.plugin.installed import Installed
from flows.verification.custom import GROUP, NOUN, Plugin, custom_metric, measure
from flows.verification.measuring import Measured, Underway
from flows.verification.python import metric
from tests.flows.verification.contract import NOON, context, measured
from tests.packages import entry_point

HEAD = """
from pydantic import BaseModel
from flows.verification.measuring import Measured, Underway

class Settings(BaseModel):
    app: str
"""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Call a function as a package offers it under the name `acme`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    async def asked(code, settings=None):
        offer = entry_point(tmp_path, GROUP, "acme-metrics", "acme", HEAD + code)
        offer = type(offer)(offer.name, f"{offer.value}:rate", offer.group)._for(offer.dist)
        others = Installed((offer,), NOUN, custom_metric)
        plugin = Plugin.model_validate({"acme": settings or {"app": "web"}})
        return await measure(plugin, context(None, None, {"login": {"token": "t"}}, metadata={"id": "7"}), others)

    return asked


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        pytest.param("def rate(settings: Settings): return 0.25", Measured(0.25), id="number"),
        pytest.param("def rate(settings: Settings): return [1, 2.5]", Measured((1.0, 2.5)), id="list"),
        pytest.param("def rate(settings: Settings): return None", Measured(None), id="no-data"),
        pytest.param("def rate(settings: Settings): return {'a': [1]}", Measured({"a": [1.0]}), id="json"),
        pytest.param("async def rate(settings: Settings): return settings.app", Measured("web"), id="coroutine"),
        pytest.param("def rate(settings: Settings): return Underway(5, {'id': 'x'})", Underway(5, {"id": "x"}), id="u"),
        pytest.param(
            "async def rate(settings: Settings, *, now, stage, key, metadata, secret):"
            " return f\"{now:%H} {stage} {key} {metadata['id']} {(await secret('login'))['token']}\"",
            Measured(f"{NOON:%H} test v.m.1 7 t"),
            id="everything",
        ),
    ],
)
async def test_values(ask, code, outcome):
    """What the function returns is the measurement."""
    assert await ask(code) == outcome


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("def rate(settings: Settings): return object()", "which is no JSON", id="no-json"),
        pytest.param("def rate(settings: Settings): return 1 / 0", "ZeroDivisionError in", id="raises"),
        pytest.param("def rate(settings: Settings): raise SystemExit(1)", "SystemExit", id="ends-the-process"),
        pytest.param("def rate(settings): return 1", "no settings that are a Pydantic model", id="no-model"),
        pytest.param("def rate(settings: Settings, colour): return 1", "parameter 'colour'", id="asks-for-too-much"),
        pytest.param("def rate(settings: Settings, *, http): return 1", "must be an 'async def'", id="not-async"),
        pytest.param("rate = 7", "is no function", id="no-function"),
        pytest.param("import nonsense_module", "ImportError|ModuleNotFoundError", id="no-import"),
    ],
)
async def test_faults(ask, code, said):
    """Whatever goes wrong is an error that names the package."""
    with pytest.raises(DrayageError, match=said) as raised:
        await ask(code)
    assert "acme-metrics" in str(raised.value)


async def test_wrong_settings(ask):
    """Settings that do not fit are told by field."""
    with pytest.raises(Invalid, match="app: missing"):
        await ask("def rate(settings: Settings): return 1", {"colour": "red"})


async def test_nobody_offers_it():
    """An unknown metric says what to install."""
    with pytest.raises(Invalid, match=r"no metric plugin 'oracle'.*drayage\.metrics"):
        await measured("plugin", {"oracle": {}})


def test_exactly_one():
    """A metric names one plugin."""
    with pytest.raises(ValidationError, match="exactly one"):
        Plugin.model_validate({"a": {}, "b": {}})


@metric
def errors(app: str, factor: float = 1.0):
    """A function as people write it."""
    return len(app) * factor


def unmarked():
    """One that is not meant for templates."""


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [("errors", {"app": "web"}, 3), ("errors", {"app": "web", "factor": 0.5}, 1.5)],
)
async def test_python(name, arguments, value):
    """A function of one's own is called with the template's arguments."""
    outcome = await measured("python", {"function": f"{__name__}:{name}", "arguments": arguments})
    assert outcome.value == value


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        pytest.param(f"{__name__}:unmarked", {}, "mark it", id="not-marked"),
        pytest.param("os:system", {"command": "true"}, "mark it", id="anything-else"),
        pytest.param(f"{__name__}:absent", {}, "mark it", id="absent"),
        pytest.param("no_such_module:f", {}, "cannot be imported", id="no-module"),
        pytest.param(f"{__name__}:errors", {"colour": 1}, "cannot be called with these arguments", id="arguments"),
    ],
)
async def test_python_functions_that_are_none(function, arguments, said):
    """Only functions that are marked for it may be named by templates."""
    with pytest.raises(Invalid, match=said):
        await measured("python", {"function": function, "arguments": arguments})
