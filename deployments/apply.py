"""Applying manifests: all is checked, then secrets, ledger and Prefect are brought to what the files say.

Every part may be done again: a run that was killed between them is mended by the next one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient, get_client

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from deployments.keep_secrets import keep_config_maps, keep_secrets
from deployments.manifests.kinds import KINDS
from deployments.manifests.load import Manifests, load
from deployments.manifests.plan import Change
from deployments.register import register_stages, unregister_stage
from flows.stage.pipeline import read_pipeline
from flows.world import World, read_prefect_health


@dataclass(frozen=True)
class Applied:
    """One line of what applying did, or with a dry run would do."""

    kind: str
    project: str
    name: str
    action: str


async def apply(
    here: World, paths: Iterable[str], *, prune: bool = False, dry_run: bool = False, actor: str
) -> list[Applied]:
    """Read, check and apply manifests. Returns one line per object.

    Raises ManifestError with all problems of all files before anything is done.
    """
    await read_prefect_health()
    manifests = await asyncio.to_thread(load, list(paths), await read_definitions(here.ledger), prune)
    async with get_client() as client:
        lines = [_line(change) for change in manifests.plan.changes]
        kept = await keep_secrets(client, manifests.secrets, manifests.projects, prune=prune, dry_run=dry_run)
        kept += await keep_config_maps(client, manifests.config_maps, manifests.projects, prune=prune, dry_run=dry_run)
        lines += [Applied(*each) for each in kept]
        if not dry_run:
            await _commit(here, manifests, actor)
            await _register(here, client, manifests)
    return lines


async def delete(here: World, kind: str, project: str, name: str, actor: str) -> list[Applied]:
    """Delete one definition, or a Project with everything in it. Raises Refused when something still needs it."""
    definitions = await read_definitions(here.ledger)
    gone = [each for each in definitions if (each.kind, each.project, each.name) == (kind, project, name)]
    if kind == "Project":
        gone = [each for each in definitions if each.project == name or (each.kind, each.name) == (kind, name)]
    if not gone:
        raise Refused(f"there is no {kind} {name!r}" + (f" in project {project!r}" if project else ""))
    _check_unneeded(gone, [each for each in definitions if each not in gone])
    keys = [(each.kind, each.project, each.name) for each in gone]
    await here.ledger.definitions.apply([], keys, actor, datetime.now(UTC))
    async with get_client() as client:
        await _unregister(here, client, gone)
        for changed in {each.project for each in gone if each.kind != "Stage" and each.project}:
            await _register_project(here, client, changed)
    return [Applied(each.kind, each.project, each.name, "deleted") for each in gone]


async def read_definitions(ledger: Ledger) -> list[Definition]:
    """Read everything that is applied, of all kinds and projects."""
    lists = [await ledger.definitions.list(kind) for kind in dict.fromkeys(each.name for each in KINDS.values())]
    return [definition for each in lists for definition in each]


def _check_unneeded(gone: Sequence[Definition], staying: Sequence[Definition]) -> None:
    for each in gone:
        needing = [other for other in staying if other.kind == "Stage" and _needs(other, each)]
        if needing:
            names = ", ".join(sorted(other.name for other in needing))
            raise Refused(f"{each.kind} {each.name!r} is needed by Stage {names}: delete or change that first")


def _needs(stage: Definition, other: Definition) -> bool:
    if stage.project != other.project:
        return False
    for request in stage.spec.get("requestedFreight") or []:
        if other.kind == "Warehouse" and request["origin"]["name"] == other.name:
            return True
        if other.kind == "Stage" and other.name in (request["sources"].get("stages") or []):
            return True
    return False


def _line(change: Change) -> Applied:
    return Applied(change.kind, change.project, change.name, change.action)


async def _commit(here: World, manifests: Manifests, actor: str) -> None:
    changes = manifests.plan.changes
    upserts = [each.after for each in changes if each.after and each.action in ("created", "changed")]
    deletes = [(each.kind, each.project, each.name) for each in changes if each.action == "deleted"]
    if upserts or deletes:
        await here.ledger.definitions.apply(upserts, deletes, actor, datetime.now(UTC))


async def _register(here: World, client: PrefectClient, manifests: Manifests) -> None:
    """Bring Prefect to what the ledger says, unchanged Stages too: that mends what was lost there."""
    gone = [each.before for each in manifests.plan.with_action("deleted") if each.before]
    await _unregister(here, client, gone)
    for project in manifests.projects:
        await _register_project(here, client, project)


async def _register_project(here: World, client: PrefectClient, project: str) -> None:
    pipeline = await read_pipeline(here.ledger, project)
    await register_stages(client, here.settings.work_pool, pipeline, here.settings.automations)


async def _unregister(here: World, client: PrefectClient, gone: Sequence[Definition]) -> None:
    for each in gone:
        if each.kind == "Stage":
            await unregister_stage(client, here.settings.work_pool, each.project, each.name)
            await here.ledger.stages.remove(each.project, each.name, datetime.now(UTC))
