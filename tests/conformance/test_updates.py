"""Steps that change files do it as in Kargo (updates.json), for the step kinds that exist here."""

import pytest
from ruamel.yaml import YAML

from blocks.ledger.records import StepStatus
from flows.freight.watched import Watched
from flows.promotion import rules
from flows.promotion.attempt import attempt
from flows.promotion.steps import STEPS
from flows.warehouse.model import Subscription
from tests.conformance.cases import cases
from tests.flows.promotion.workspace import step_context


async def attempted(case, ctx):
    """What one attempt of the case's step comes to."""
    try:
        return rules.attempted(await attempt({"uses": case["step"]}, case["config"], ctx))
    except Exception as error:
        return rules.attempted(error)


def images(case):
    """The images of the case's Freight collection, each with its Warehouse."""
    return [
        {**image, "origin": freight["warehouse"]} for freight in case.get("freight", []) for image in freight["images"]
    ]


def watched(case):
    """What the Warehouses subscribe to that the case's Stage asks for."""
    there = {each["name"]: each["imageRepoURLs"] for each in case.get("warehouses", [])}
    return Watched(
        {
            name: [Subscription(image={"repoURL": url}) for url in there[name]] if name in there else None
            for name in case.get("requestedWarehouses", [])
        }
    )


@pytest.mark.parametrize("case", cases("updates.json", lambda case: case["step"] in STEPS))
async def test_updates(case, tmp_path):
    """Status, files and output are as wanted."""
    for name, text in case["files"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    ctx = step_context(
        tmp_path, images=images(case), requested=case.get("requestedWarehouses", []), watched=watched(case)
    )
    result, want = await attempted(case, ctx), case["want"]
    assert result.status == want["status"], result.message
    if result.status is StepStatus.SUCCEEDED:
        assert result.outputs == (want.get("output") or {})
    if case["step"].endswith("-merge") and result.status is not StepStatus.SUCCEEDED:
        return
    for name, text in want.get("files", {}).items():
        assert (tmp_path / name).read_bytes().decode() == text
    for name, value in want.get("parsed", {}).items():
        assert YAML(typ="safe", pure=True).load((tmp_path / name).read_text()) == value
