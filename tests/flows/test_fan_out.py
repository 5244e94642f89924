"""A Stage with targets: one promotion of its own per target, and the Stage moves when all of them did."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from ruamel.yaml import YAML

from blocks.errors import NotFound, Refused
from blocks.ledger.promotion_requests import TargetPromotion
from blocks.ledger.records import Phase, PromotionRecord
from deployments.answers import decide
from deployments.look import LOOK
from deployments.machine import Machine
from deployments.requests import abort_promotion, ask_promotion, ask_promotions, retry_promotion, stages_below
from flows.promotion.admission import Wish
from flows.start import stage_deployment
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook, until

KARGO = "kargo.akuity.io/v1alpha1"
TEMPLATE = """
spec:
  vars:
  - name: where
    value: ${{ target.params.cluster }}/${{ target.name }}
  steps:
  - uses: wait-for-approval
    as: go
    if: ${{ target.labels.asks == 'people' }}
    config: {}
  - uses: fail
    as: door
    if: ${{ configMap('broken')[target.name] == 'sadly' }}
    config:
      message: ${{ target.name }} is broken
  - uses: compose-output
    as: note
    config:
      where: ${{ vars.where }}
"""


def manifest(kind: str, name: str, project: str, api: str = KARGO, labels: dict[str, str] | None = None, **parts: Any):
    """A manifest of the project."""
    metadata = {"name": name, "namespace": project, "labels": labels or {}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **parts}


def text_of(*manifests: dict[str, Any]) -> str:
    """Manifests as a file holds them."""
    stream = StringIO()
    YAML(typ="safe").dump_all(manifests, stream)
    return stream.getvalue()


@asynccontextmanager
async def fleet(folder: Path, limits: dict[str, int], targets: dict[str, dict[str, str]]) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone, which fans out to those of the targets that are labelled prod."""
    project = f"fleet-{uuid4().hex[:8]}"
    policy = {"stageSelector": {"name": "test"}, "targets": limits}
    more = [
        manifest("StagePolicy", "carefully", project, "drayage.dev/v1", spec=policy),
        *(
            manifest("Target", name, project, labels=labels, spec={"params": {"cluster": f"at-{name}"}})
            for name, labels in targets.items()
        ),
    ]

    def edit(text: str) -> str:
        documents = [each for each in YAML(typ="safe").load_all(only_test(text)) if each]
        for each in documents:
            if each["kind"] == "Stage":
                each["spec"]["promotionTemplate"] = YAML(typ="safe").load(TEMPLATE)
                each["spec"]["targets"] = {"selectors": [{"matchLabels": {"tier": "prod"}}]}
                del each["spec"]["verification"]
                documents = [*documents, *more]
        return text_of(*documents)

    async with opened_guestbook(folder, project, edit) as opened:
        yield opened


async def breaks(guestbook: Guestbook, **broken: str) -> None:
    """Say which targets are broken."""
    file = guestbook.folder / "broken.yaml"
    file.write_text(text_of(manifest("ConfigMap", "broken", guestbook.project, "v1", data=broken)))
    await guestbook.apply(str(file))


async def of_targets(guestbook: Guestbook, record: PromotionRecord) -> dict[str, TargetPromotion]:
    """The Promotions of a request's targets."""
    known = await guestbook.here.ledger.promotions.of_requests(record.project, [record.name])
    return {each.target: each for each in known}


async def shape(guestbook: Guestbook, kind: str, name: str = "") -> list[dict[str, Any]]:
    """What `drayage get` shows."""
    return await LOOK[kind](guestbook.here.ledger, guestbook.project, name, "", 100)


async def test_one_after_the_other_until_one_fails(machine: Machine, tmp_path: Path):
    """A broken target ends the request before the next begins; a retry leaves alone what was done."""
    prod = {"tier": "prod"}
    targets = {"a1": prod, "b2": prod, "c3": prod, "lab": {"tier": "lab"}}
    async with fleet(tmp_path, {"maxConcurrent": 1, "maxFailures": 1}, targets) as guestbook:
        ledger = guestbook.here.ledger
        await breaks(guestbook, b2="sadly")
        freight = await guestbook.push("1.0.0")
        request = await guestbook.ended(await guestbook.promotion(freight, "test"), 120)
        assert (request.kind, request.phase, request.actor) == ("PromotionRequest", Phase.FAILED, "controller:drayage")
        assert "1 of 3 targets did not take it (b2 Failed: " in request.message
        assert "b2 is broken" in request.message
        assert "1 not begun" in request.message
        first = await of_targets(guestbook, request)
        assert {name: each.phase for name, each in first.items()} == {"a1": Phase.SUCCEEDED, "b2": Phase.FAILED}
        assert await ledger.stages.current(guestbook.project, "test") == {}
        done = await ledger.promotions.get(guestbook.project, first["a1"].name)
        with pytest.raises(Refused, match="retry that"):
            await retry_promotion(guestbook.here, guestbook.project, first["b2"].name, "ann")

        await breaks(guestbook, b2="mended")
        await retry_promotion(guestbook.here, guestbook.project, request.name, "ann", "mended")
        await guestbook.verified(freight, "test", 120)
        assert await ledger.promotions.get(guestbook.project, first["a1"].name) == done
        after = await of_targets(guestbook, request)
        assert {name: (each.phase, each.retries) for name, each in after.items()} == {
            "a1": (Phase.SUCCEEDED, 0),
            "b2": (Phase.SUCCEEDED, 1),
            "c3": (Phase.SUCCEEDED, 1),
        }
        assert after["b2"].name == first["b2"].name
        for name, each in after.items():
            steps = await ledger.promotions.steps(guestbook.project, each.name)
            assert steps[-1].output == {"where": f"at-{name}/{name}"}
        visits = await ledger.stages.visits(guestbook.project, "test", 10)
        assert [each.promotion for each in visits] == [request.name]
        (shown,) = await shape(guestbook, "PromotionRequest", request.name)
        assert shown["status"]["summary"]["succeeded"] == shown["status"]["summary"]["total"] == 3
        assert [each["name"] for each in shown["spec"]["targets"]] == ["a1", "b2", "c3"]
        promotions = {each["spec"]["target"]: each for each in await shape(guestbook, "Promotion")}
        assert promotions["c3"]["metadata"]["ownerReferences"][0]["name"] == request.name
        assert {each["metadata"]["name"] for each in await shape(guestbook, "Target")} == targets.keys()
        await _downstream(guestbook, request.freight)


async def _downstream(guestbook: Guestbook, freight: str) -> None:
    """All Stages below are asked before any Promotion is made, and then one that cannot be started hinders no other."""
    template = {"spec": {"steps": [{"uses": "compose-output", "as": "x", "config": {"a": 1}}]}}
    origin = {"kind": "Warehouse", "name": "guestbook"}
    requested = {"requestedFreight": [{"origin": origin, "sources": {"stages": ["test"]}}]}
    stages = [
        manifest("Stage", name, guestbook.project, spec={**requested, "promotionTemplate": template})
        for name in ("east", "west")
    ]
    (guestbook.folder / "below.yaml").write_text(text_of(*stages))
    await guestbook.apply(str(guestbook.folder / "below.yaml"))
    below = await stages_below(guestbook.here, guestbook.project, "test")
    wishes = [Wish(guestbook.project, name, "ann", freight) for name in below]
    assert below == ["east", "west"]
    with pytest.raises(NotFound, match="no Freight"):
        await ask_promotions(guestbook.here, [wishes[0], replace(wishes[1], freight="unknown")])
    promotions = guestbook.here.ledger.promotions
    assert await promotions.list(guestbook.project, "east") == []

    async with get_client() as client:
        name = f"promote/{stage_deployment(guestbook.project, 'west')}"
        await client.delete_deployment((await client.read_deployment_by_name(name)).id)
    made, failed = await ask_promotions(guestbook.here, wishes)
    assert [each.stage for each in made] == ["east"]
    assert len(failed) == 1
    assert failed[0].startswith("Stage 'west': Prefect at ")
    assert (await guestbook.ended(made[0], 120)).phase is Phase.SUCCEEDED


async def test_away_woken_and_aborted(machine: Machine, tmp_path: Path):
    """A request leaves its worker while its targets ask people, hears of each answer, and takes all down with it."""
    asks = {"tier": "prod", "asks": "people"}
    async with fleet(tmp_path, {"maxConcurrent": 2}, {"a1": asks, "b2": asks, "c3": asks}) as guestbook:
        freight = await guestbook.push("1.0.0")
        request = await guestbook.promotion(freight, "test")

        async def away() -> bool:
            return await guestbook.run_state(request) == "Waiting"

        await until(away, "the request to leave its worker", 120)
        asking = await of_targets(guestbook, request)
        assert asking.keys() == {"a1", "b2"}
        assert {await state_of(each) for each in asking.values()} == {"Suspended"}
        await decide(guestbook.here, guestbook.project, asking["a1"].name, "approve", "ann", "go")

        async def next_one() -> bool:
            return "c3" in await of_targets(guestbook, request) and await state_of(
                (await of_targets(guestbook, request))["c3"]
            ) in ("Suspended",)

        await until(next_one, "the third target, once the first is done", 120)
        await abort_promotion(guestbook.here, guestbook.project, request.name, "ann", "enough")
        phases = {name: each.phase for name, each in (await of_targets(guestbook, request)).items()}
        assert phases == {"a1": Phase.SUCCEEDED, "b2": Phase.ABORTED, "c3": Phase.ABORTED}

        async def stopped() -> bool:
            known = (await of_targets(guestbook, request)).values()
            states = {await state_of(each) for each in known if each.phase is Phase.ABORTED}
            return states == {"Cancelled"} and await guestbook.run_state(request) in ("Cancelled", "Aborted")

        await until(stopped, "all runs to be over", 120)
        assert await guestbook.here.ledger.promotions.open(guestbook.project) == []
        assert await guestbook.here.ledger.stages.current(guestbook.project, "test") == {}


async def test_aborted_while_it_queues_and_while_it_runs(machine: Machine, tmp_path: Path):
    """Nothing of either goes on, and the Stage is free for the next request."""
    asks = {"tier": "prod", "asks": "people"}
    async with fleet(tmp_path, {"maxConcurrent": 2}, {"a1": asks, "b2": asks}) as guestbook:
        here, project = guestbook.here, guestbook.project
        freight = await guestbook.push("1.0.0")
        running = await guestbook.promotion(freight, "test")

        async def begun(request: PromotionRecord) -> bool:
            return len(await of_targets(guestbook, request)) == 2

        await until(lambda: begun(running), "the first request to begin its targets", 120)
        queued, last = [await ask_promotion(here, Wish(project, "test", "ann", freight.alias)) for _ in range(2)]
        assert queued.kind == "PromotionRequest"
        for request in (queued, running):
            await abort_promotion(here, project, request.name, "ann", "enough")

        async def over() -> bool:
            children = (await of_targets(guestbook, running)).values()
            states = {await state_of(each) for each in children} | {await guestbook.run_state(running)}
            return states <= {"Cancelled", "Aborted"} and await guestbook.run_state(queued) == "Cancelled"

        await until(over, "all runs of both to be over", 60)
        assert await of_targets(guestbook, queued) == {}
        assert {each.phase for each in (await of_targets(guestbook, running)).values()} == {Phase.ABORTED}
        await until(lambda: begun(last), "the next request to have the Stage", 60)
        assert {each.name for each in await here.ledger.promotions.open(project) if not each.target} == {last.name}
        await abort_promotion(here, project, last.name, "ann")
        assert await here.ledger.promotions.open(project) == []
        assert await here.ledger.stages.current(project, "test") == {}


async def state_of(each: TargetPromotion) -> str:
    """The name of the state of the run that serves a target."""
    if each.flow_run_id is None:
        return ""
    async with get_client() as client:
        return (await client.read_flow_run(UUID(each.flow_run_id))).state_name or ""
