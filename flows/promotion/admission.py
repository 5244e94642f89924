"""Admission: turning the wish to promote into a Promotion with everything frozen, or saying why not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocks.errors import NotFound, Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import FreightRecord, PromotionRecord, Standing
from flows.promotion.inflate import TaskLookup, inflate
from flows.promotion.model import PromotionTaskSpec, TaskReference
from flows.stage.availability import Unavailable, available
from flows.stage.candidate import Promote, candidate, intent
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.pipeline import StageDefinition
from flows.stage.targets import read_targets

Json = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `freight` is a name or alias, empty for the Stage's candidate.

    `origin` narrows the candidate to one Warehouse (Kargo: promote by origin). `automatic` wishes are granted
    only while auto-promotion wants that very Freight, or when they are for a rollback: `rollback` names what it takes
    back, a Promotion or a failed verification, and is empty otherwise.
    """

    project: str
    stage: str
    actor: str
    freight: str = ""
    origin: str = ""
    reason: str = ""
    automatic: bool = False
    flow_run_id: str | None = None
    rollback: str = ""


@dataclass(frozen=True)
class Declined:
    """An automatic wish that no longer holds; nothing is wrong."""

    sentence: str


async def admit(ledger: Ledger, wish: Wish, now: datetime, ulid: str) -> PromotionRecord | Declined:
    """Create the Promotion a wish asks for, or find the one this flow run made before.

    Raises NotFound for an unknown Stage or Freight and Refused when a rule forbids it.
    """
    if wish.flow_run_id and (known := await ledger.promotions.by_flow_run(wish.flow_run_id)):
        return known
    outlook, stage, freight = await examine(ledger, wish, now)
    if wish.automatic and not wish.rollback and (sentence := _unwanted(outlook, stage, freight, now)):
        return Declined(sentence)
    _check_available(outlook, stage, freight, await _standing(ledger, outlook, freight), now)
    record = await ledger.promotions.create(await frozen(ledger, outlook, stage, freight, wish, now, ulid))
    if wish.automatic and record.flow_run_id != wish.flow_run_id:
        return Declined(f"{freight.alias} is already on its way to {stage.name!r} (Promotion {record.name})")
    return record


async def examine(ledger: Ledger, wish: Wish, now: datetime) -> tuple[Outlook, StageDefinition, FreightRecord]:
    """Find what a wish is about. Raises NotFound for an unknown Stage or Freight, Refused for one without steps."""
    outlook = await read_outlook(ledger, wish.project)
    stage = outlook.pipeline.stage(wish.stage)
    if stage.control_flow:
        raise Refused(f"Stage {stage.name!r} has no promotion steps: it only passes Freight on downstream")
    return outlook, stage, await _freight(ledger, outlook, stage, wish, now)


async def check_wish(ledger: Ledger, wish: Wish, now: datetime) -> None:
    """Raise what `admit` would raise, and create nothing."""
    outlook, stage, freight = await examine(ledger, wish, now)
    _check_available(outlook, stage, freight, await _standing(ledger, outlook, freight), now)


def check_entry(outlook: Outlook, stage: StageDefinition, freight: FreightRecord, now: datetime) -> str:
    """Say why Freight may no longer enter, empty when it may (Kargo: asked again on every pass)."""
    standing = outlook.standings.get(freight.name, Standing())
    verdict = available(outlook.pipeline.project, stage.name, stage.spec, freight, standing, now)
    return verdict.sentence if isinstance(verdict, Unavailable) else ""


def refused_entry(outlook: Outlook, record: PromotionRecord, now: datetime) -> str:
    """Say why a Promotion's Freight may no longer enter its Stage, empty when it may; `outlook` knows that Freight."""
    freight, stage = outlook.freight[record.freight], outlook.pipeline.stage(record.stage)
    sentence = check_entry(outlook, stage, freight, now)
    return f"{freight.alias} may no longer enter: {sentence}" if sentence else ""


async def _freight(
    ledger: Ledger, outlook: Outlook, stage: StageDefinition, wish: Wish, now: datetime
) -> FreightRecord:
    if wish.freight:
        return await ledger.freight.find(wish.project, wish.freight)
    situation = outlook.situation(stage)
    requests = [each for each in stage.spec.requested_freight if wish.origin in ("", each.origin.name)]
    if not requests:
        raise NotFound(f"Stage {stage.name!r} takes no Freight from Warehouse {wish.origin!r}")
    for request in requests:
        best = candidate(situation, request, outlook.known, now)
        if best and situation.current.get(best.origin) != best.name:
            return best
    raise Refused(f"no Freight is a candidate for Stage {stage.name!r} that it does not run already; name one")


def _unwanted(outlook: Outlook, stage: StageDefinition, freight: FreightRecord, now: datetime) -> str:
    verdicts = outlook.auto_promotion(stage, now).verdicts
    wanted = next((each for each in verdicts if each.origin == freight.origin), None)
    if isinstance(wanted, Promote):
        if wanted.freight.name == freight.name:
            return ""
        return f"{wanted.freight.alias} is now the candidate of Stage {stage.name!r}, not {freight.alias}"
    return wanted.sentence if wanted else f"Stage {stage.name!r} takes no Freight from Warehouse {freight.origin!r}"


async def _standing(ledger: Ledger, outlook: Outlook, freight: FreightRecord) -> Standing:
    if freight.name in outlook.freight:
        return outlook.standings.get(freight.name, Standing())
    return (await ledger.stages.standings(freight.project, [freight.name])).get(freight.name, Standing())


def _check_available(
    outlook: Outlook, stage: StageDefinition, freight: FreightRecord, standing: Standing, now: datetime
) -> None:
    verdict = available(outlook.pipeline.project, stage.name, stage.spec, freight, standing, now)
    if isinstance(verdict, Unavailable):
        raise Refused(f"{verdict.sentence}; approve it for {stage.name!r} to promote it all the same")


async def frozen(
    ledger: Ledger,
    outlook: Outlook,
    stage: StageDefinition,
    freight: FreightRecord,
    wish: Wish,
    now: datetime,
    ulid: str,
) -> PromotionRecord:
    """Return the Promotion as it will be kept: variables, tasks and steps as they are now (Kargo: at creation)."""
    variables, steps = await inflated(ledger, wish.project, stage)
    meaning = (
        ""
        if wish.automatic and not wish.rollback
        else intent(outlook.situation(stage), outlook.pipeline.policies, freight, outlook.known, now)
    )
    return PromotionRecord(
        project=wish.project,
        name=f"{stage.name}.{ulid.lower()}.{freight.name[:7]}",
        stage=stage.name,
        freight=freight.name,
        origin=freight.origin,
        actor=wish.actor,
        created_at=now,
        reason=wish.reason,
        vars=variables,
        steps=steps,
        intent=meaning,
        flow_run_id=wish.flow_run_id,
        targets=await read_targets(ledger, wish.project, stage.name, stage.spec),
        rollback=wish.rollback,
    )


async def inflated(ledger: Ledger, project: str, stage: StageDefinition) -> tuple[list[Json], list[Json]]:
    """Return a Stage's variables and steps, its tasks' among them, as they are now. It must not be control-flow."""
    template = stage.spec.promotion_template
    assert template is not None  # no control-flow Stage comes here
    tasks = await _tasks(ledger, project)
    return inflate(project, stage.spec.vars, template.spec.vars, template.spec.steps, tasks)


async def _tasks(ledger: Ledger, project: str) -> TaskLookup:
    found = {
        (kind, definition.name): PromotionTaskSpec.model_validate(definition.spec)
        for kind, scope in (("PromotionTask", project), ("ClusterPromotionTask", ""))
        for definition in await ledger.definitions.list(kind, scope)
    }

    def task(reference: TaskReference) -> PromotionTaskSpec | None:
        return found.get((reference.kind, reference.name))

    return task
