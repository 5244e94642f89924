"""Applying manifests: all is checked, then secrets, ledger and Prefect are brought to what the files say.

Every part may be done again: a run that was killed between them is mended by the next one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from prefect.client.orchestration import PrefectClient, get_client

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from deployments.keep_secrets import keep_config_maps, keep_secrets
from deployments.manifests.kinds import KINDS
from deployments.manifests.load import Manifests, load
from deployments.manifests.plan import Change
from deployments.needed import check_unneeded
from deployments.register_stages import Say, register_stages
from deployments.retire import leave_unrequested, lift_idle_holds, retire_stages
from deployments.turn import turn
from flows.stage.pipeline import read_pipeline
from flows.world import World, read_prefect_health

TURN = "apply"


@dataclass(frozen=True)
class Applied:
    """One line of what applying did, or with a dry run would do."""

    kind: str
    project: str
    name: str
    action: str


async def apply(
    here: World,
    paths: Iterable[str],
    *,
    prune: bool = False,
    dry_run: bool = False,
    actor: str,
    stdin: BinaryIO | None = None,
    say: Say | None = None,
) -> list[Applied]:
    """Read, check and apply manifests. Returns one line per object; `say` is told how many Stages are registered.

    Of several processes that apply, one works at a time. A dry run waits for nobody.
    Raises ManifestError with all problems of all files before anything is done.
    """
    await read_prefect_health()
    if dry_run:
        return (await _plan(here, list(paths), prune, stdin))[1]
    async with turn(here.ledger.leases, TURN):
        manifests, lines = await _plan(here, list(paths), prune, stdin)
        await _carry_out(here, manifests, prune, actor, say)
        return lines


async def delete(here: World, kind: str, project: str, name: str, actor: str) -> list[Applied]:
    """Delete one definition, or a Project with everything in it. Raises Refused when something still needs it."""
    await read_prefect_health()
    async with turn(here.ledger.leases, TURN):
        definitions = await read_definitions(here.ledger)
        gone = _chosen(definitions, kind, project, name)
        check_unneeded(gone, [each for each in definitions if each not in gone])
        async with get_client() as client:
            await _remove(here, client, gone, actor)
            await _register(here, client, sorted({each.project for each in gone if each.project}), actor)
            lines = [Applied(each.kind, each.project, each.name, "deleted") for each in gone]
            return lines + (await _keep(client, [name], prune=True) if kind == "Project" else [])


async def read_definitions(ledger: Ledger) -> list[Definition]:
    """Read everything that is applied, of all kinds and projects."""
    lists = [await ledger.definitions.list(kind) for kind in dict.fromkeys(each.name for each in KINDS.values())]
    return [definition for each in lists for definition in each]


def _chosen(definitions: Sequence[Definition], kind: str, project: str, name: str) -> list[Definition]:
    gone = [each for each in definitions if (each.kind, each.project, each.name) == (kind, project, name)]
    if not gone:
        raise Refused(f"there is no {kind} {name!r}" + (f" in project {project!r}" if project else ""))
    return gone + [each for each in definitions if kind == "Project" and each.project == name]


async def _plan(here: World, paths: list[str], prune: bool, stdin: BinaryIO | None) -> tuple[Manifests, list[Applied]]:
    manifests = await asyncio.to_thread(load, paths, await read_definitions(here.ledger), prune, stdin)
    lines = [_line(change) for change in manifests.plan.changes]
    async with get_client() as client:
        return manifests, lines + await _keep(client, manifests.projects, manifests, prune=prune, dry_run=True)


async def _keep(
    client: PrefectClient,
    projects: Sequence[str],
    manifests: Manifests | None = None,
    *,
    prune: bool,
    dry_run: bool = False,
) -> list[Applied]:
    """Bring Secrets and ConfigMaps to what the manifests say; without manifests there are none."""
    secrets, maps = (manifests.secrets, manifests.config_maps) if manifests else ([], [])
    kept = await keep_secrets(client, secrets, projects, prune=prune, dry_run=dry_run)
    kept += await keep_config_maps(client, maps, projects, prune=prune, dry_run=dry_run)
    return [Applied(*each) for each in kept]


def _line(change: Change) -> Applied:
    return Applied(change.kind, change.project, change.name, change.action)


async def _carry_out(here: World, manifests: Manifests, prune: bool, actor: str, say: Say | None) -> None:
    """Secrets first, because what is applied then may need them; unchanged Stages too: that mends what was lost."""
    changes = manifests.plan.changes
    upserts = [each.after for each in changes if each.after and each.action in ("created", "changed")]
    async with get_client() as client:
        await _keep(client, manifests.projects, manifests, prune=prune)
        await here.ledger.definitions.apply(upserts, [], actor, datetime.now(UTC))
        gone = [each.before for each in manifests.plan.with_action("deleted") if each.before]
        await _remove(here, client, gone, actor)
        await _register(here, client, manifests.projects, actor, say)


async def _remove(here: World, client: PrefectClient, gone: Sequence[Definition], actor: str) -> None:
    """Remove definitions, last of all from the ledger, so that what was interrupted is found and done again."""
    stages = [each for each in gone if each.kind == "Stage"]
    for project in sorted({each.project for each in stages}):
        names = [each.name for each in stages if each.project == project]
        await retire_stages(here, client, project, names, actor, "its Stage was deleted")
    now = datetime.now(UTC)
    for each in stages:
        await here.ledger.stages.remove(each.project, each.name, now)
    for each in gone:
        if each.kind == "Project":
            await here.ledger.freezes.unfreeze(each.name, actor, "its project was deleted", now)
    if gone:
        await here.ledger.definitions.apply([], [(each.kind, each.project, each.name) for each in gone], actor, now)


async def _register(
    here: World, client: PrefectClient, projects: Iterable[str], actor: str, say: Say | None = None
) -> None:
    pipelines = [await read_pipeline(here.ledger, project) for project in projects]
    for pipeline in pipelines:
        passing = [stage.name for stage in pipeline.stages.values() if stage.control_flow]
        await retire_stages(here, client, pipeline.project, passing, actor, "its Stage has no steps any more")
        await leave_unrequested(here.ledger, pipeline)
        await lift_idle_holds(here.ledger, pipeline, actor)
    await register_stages(client, here.settings.work_pool, pipelines, here.settings.automations, say)
