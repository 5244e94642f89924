"""Templates that name others: each is taken once, wherever it is, and what is missing is told."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from blocks.errors import Invalid
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from flows.measure_stage import MOST_TEMPLATES, read_templates
from flows.stage.model import Verification
from flows.verification.prepare import prepare

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def template(name, *nested, cluster=False):
    """A template with one metric, and the names of others; those of a cluster begin with a star."""
    metric = {"name": name, "provider": {"web": {"url": "http://x"}}}
    references = [{"templateName": each.lstrip("*"), "clusterScope": each.startswith("*")} for each in nested]
    kind, project = ("ClusterAnalysisTemplate", "") if cluster else ("AnalysisTemplate", "shop")
    return Definition(kind, project, name, {"spec": {"metrics": [metric], "templates": references}})


async def combined(tmp_path, *templates, named=("a",)):
    """The names of what a Stage that names some of these templates measures."""
    ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        await ledger.definitions.apply(templates, [], "user:ann", NOON)
        wanted = Verification.model_validate({"analysisTemplates": [{"name": name} for name in named]})
        found = await read_templates(SimpleNamespace(ledger=ledger), "shop", wanted)
        plan, _ = prepare(wanted, found, variables=[], context={}, functions={}, secrets={})
        return [planned.metric.name for planned in plan]
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    ("templates", "named", "metrics"),
    [
        pytest.param([template("a", "b"), template("b")], ["a"], ["a", "b"], id="nested"),
        pytest.param([template("a", "*b"), template("b", cluster=True)], ["a"], ["a", "b"], id="of-the-cluster"),
        pytest.param([template("a", "b"), template("b", "c"), template("c")], ["a"], ["a", "b", "c"], id="deeper"),
        pytest.param([template("a", "b"), template("b", "a")], ["a"], ["a", "b"], id="in-a-circle"),
        pytest.param([template("a", "c"), template("b", "c"), template("c")], ["a", "b"], ["a", "b", "c"], id="twice"),
    ],
)
async def test_nested(tmp_path, templates, named, metrics):
    """All metrics of all templates are measured, each once."""
    assert await combined(tmp_path, *templates, named=named) == metrics


async def test_missing(tmp_path):
    """A template that is not there is named."""
    with pytest.raises(Invalid, match="no analysis template 'b'"):
        await combined(tmp_path, template("a", "b"))


async def test_too_many(tmp_path):
    """Templates without end are refused."""
    many = [template(f"t{number}", f"t{number + 1}") for number in range(MOST_TEMPLATES + 1)]
    with pytest.raises(Invalid, match="name fewer"):
        await combined(tmp_path, *many, named=["t0"])
