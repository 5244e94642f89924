"""Pipelines whose steps touch nothing, for tests of gates, queues and approvals: one Warehouse, Stages as given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from prefect.client.orchestration import get_client
from ruamel.yaml import YAML

from blocks.ledger.records import PromotionRecord
from deployments.apply import delete
from deployments.sandbox.server import Sandbox
from flows.world import opened_world
from tests.servers.guestbook import Guestbook, until

Json = dict[str, Any]
KARGO = "kargo.akuity.io/v1alpha1"
SANDBOX = "sandbox.invalid"
"""Stands in manifests for the sandbox's host and port."""


def stage(name: str, *upstream: str, steps: list[Json] | None = None, **spec: Any) -> Json:
    """A Stage that takes Freight from the Stages named, or straight from the Warehouse."""
    sources = spec.pop("sources", {}) | ({"stages": list(upstream)} if upstream else {"direct": True})
    request = {"origin": {"kind": "Warehouse", "name": "guestbook"}, "sources": sources}
    given = [{"uses": "compose-output", "as": "note", "config": {"seen": "yes"}}] if steps is None else steps
    template = {"promotionTemplate": {"spec": {"steps": given}}} if given else {}
    return _object(KARGO, "Stage", name, {"requestedFreight": [request], **template, **spec})


def automatic(*stages: str) -> Json:
    """The policy that lets these Stages promote by themselves."""
    policies = [{"stageSelector": {"name": name}, "autoPromotionEnabled": True} for name in stages]
    return _object(KARGO, "ProjectConfig", "", {"promotionPolicies": policies})


def asking(stage: str, **approval: Any) -> Json:
    """The policy that asks people before Freight enters a Stage."""
    spec = {"stageSelector": {"name": stage}, "approval": approval}
    return _object("drayage.dev/v1", "StagePolicy", f"people-decide-about-{stage}", spec)


def template(name: str, **metric: Any) -> Json:
    """An analysis template with one metric."""
    return _object("argoproj.io/v1alpha1", "AnalysisTemplate", name, {"metrics": [{"name": name, **metric}]})


def gated(name: str = "gate") -> list[Json]:
    """A step that waits until `open_gate` was called."""
    config = {
        "url": f"http://{SANDBOX}/prometheus/api/v1/query?query={name}",
        "successExpression": "len(response.body.data.result) > 0",
        "pollInterval": "200ms",
    }
    return [{"uses": "http", "as": "gate", "config": config}]


def open_gate(pipeline: Guestbook, name: str = "gate") -> None:
    """Let everybody through who waits at a gate."""
    pipeline.sandbox.world.metrics.set(name, {}, 1.0)


async def change(pipeline: Guestbook, *objects: Json) -> None:
    """Apply objects to the project."""
    file, text = pipeline.folder / f"{uuid4().hex}.yaml", StringIO()
    YAML(typ="safe").dump_all([_within(each, pipeline.project) for each in objects], text)
    file.write_text(text.getvalue().replace(SANDBOX, pipeline.sandbox.host))
    await pipeline.apply(str(file))


@asynccontextmanager
async def opened_plain(folder: Path, *objects: Json) -> AsyncIterator[Guestbook]:
    """Apply a Project with its Warehouse over a sandbox of its own; what it left is deleted at the end."""
    async with opened_world() as here, Sandbox(folder / "sandbox") as sandbox:
        pipeline = Guestbook(here, sandbox, f"plain-{uuid4().hex[:8]}", folder)
        image = {"repoURL": f"{sandbox.host}/guestbook", "imageSelectionStrategy": "SemVer", "constraint": "^1.0.0"}
        spec = {"interval": "24h", "subscriptions": [{"image": image}]}
        await change(pipeline, _object(KARGO, "Project", ""), _object(KARGO, "Warehouse", "guestbook", spec), *objects)
        try:
            yield pipeline
        finally:
            await _abort(pipeline)
            await delete(here, "Project", "", pipeline.project, "user:test")


async def state_of(record: PromotionRecord) -> tuple[str, str]:
    """Name and message of a Promotion's run."""
    async with get_client() as client:
        run = await client.read_flow_run(record.flow_run_id)
    return run.state_name or "", (run.state.message or "") if run.state else ""


async def in_state(pipeline: Guestbook, record: PromotionRecord, *names: str, seconds: float = 30) -> str:
    """Wait until a Promotion's run is in one of some states, and return the state's message."""

    async def there() -> bool:
        return (await state_of(record))[0] in names

    await until(there, f"{record.name} in state {' or '.join(names)}", seconds)
    return (await state_of(record))[1]


async def _abort(pipeline: Guestbook) -> None:
    """End what is open, so that nothing of this project keeps later sweeps busy."""
    from deployments.requests import abort_promotion

    for record in await pipeline.here.ledger.promotions.open(pipeline.project):
        await abort_promotion(pipeline.here, pipeline.project, record.name, "user:test")


def _object(api: str, kind: str, name: str, spec: Json | None = None) -> Json:
    body = {} if spec is None else {"spec": spec}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **body}


def _within(given: Json, project: str) -> Json:
    name = given["metadata"]["name"] or project
    namespace = {} if given["kind"] == "Project" else {"namespace": project}
    return given | {"metadata": {"name": name, **namespace}}
