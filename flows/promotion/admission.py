"""Admission: turning the wish to promote into a Promotion with everything frozen, or saying why not."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from blocks.errors import NotFound, Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import AuditEvent, FreightRecord, PromotionRecord, Standing, VerificationRecord
from flows.promotion.decided import as_json
from flows.promotion.gates import Entering, refusal
from flows.promotion.inflate import TaskLookup, inflate
from flows.promotion.model import PromotionTaskSpec, TaskReference
from flows.promotion.refused import refusals_told, tell_refusal
from flows.stage.candidate import Promote, candidate, held_origins, intent
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.parsed import Parsed
from flows.stage.pipeline import StageDefinition
from flows.stage.targets import read_targets

Json = dict[str, Any]

_TASKS = Parsed(PromotionTaskSpec.model_validate)

UNKNOWN = "unknown actor"
"""Who acts where nobody knows whom it is."""


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `freight` is a name or alias, empty for the Stage's candidate.

    `origin` narrows the candidate to one Warehouse (Kargo: promote by origin). `automatic` wishes are granted
    only while auto-promotion wants that very Freight, or when they are for a rollback: `rollback` names what it takes
    back, a Promotion or a failed verification, and is empty otherwise. `break_glass` passes over some gates (see
    `flows.promotion.gates.Entering`), for a person who is named and says why.
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
    break_glass: bool = False


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
    wanted = f"promote {wish.freight or 'the candidate'} to Stage {wish.stage!r}"
    async with refusals_told(ledger, wish.project, wish.stage, wish.actor, wanted, now):
        check_breaking(wish)
        outlook, stage, freight = await examine(ledger, wish, now)
    if wish.automatic and not wish.rollback and (sentence := _unwanted(outlook, stage, freight, now)):
        await ledger.audit.record(_skipped(wish, freight, sentence, now))
        return Declined(sentence)
    entering = await _entering(ledger, outlook, stage, freight, wish)
    if refusal(entering.gates(now)):
        await tell_refusal(ledger, _refused(wish, entering, now))
    _check_entry(entering, now)
    record = await frozen(ledger, outlook, stage, freight, wish, now, ulid)
    record = await ledger.promotions.create(record, {"gates": [as_json(gate) for gate in entering.gates(now)]})
    if wish.automatic and record.flow_run_id != wish.flow_run_id:
        return Declined(f"{freight.alias} is already on its way to {stage.name!r} (Promotion {record.name})")
    if wish.break_glass:
        await _note_breaking(ledger, record, entering, now)
    if outlook.pipeline.queue(stage.name) == "Latest":
        await ledger.promotions.supersede(record.project, record.stage, record.origin, record.name, now)
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
    check_breaking(wish)
    outlook, stage, freight = await examine(ledger, wish, now)
    _check_entry(await _entering(ledger, outlook, stage, freight, wish), now)


def check_breaking(wish: Wish) -> None:
    """Raise Refused unless who breaks the glass is a person with a name and a reason."""
    if not wish.break_glass:
        return
    if wish.automatic or wish.actor in ("", UNKNOWN) or not wish.reason.strip():
        raise Refused("only a person who is named and gives a reason breaks the glass: add --reason")


def check_entry(outlook: Outlook, stage: StageDefinition, freight: FreightRecord, now: datetime) -> str:
    """Say why Freight may no longer enter, empty when it may (Kargo: asked again on every pass)."""
    return refusal(Entering(outlook, stage, freight, outlook.standings.get(freight.name, Standing())).gates(now))


def entering_of(
    outlook: Outlook, record: PromotionRecord, verification: VerificationRecord | None = None, paused: str = ""
) -> Entering:
    """The Freight of a Promotion before its Stage; `outlook` must know that Freight."""
    freight, stage = outlook.freight[record.freight], outlook.pipeline.stage(record.stage)
    standing = outlook.standings.get(freight.name, Standing())
    return Entering(outlook, stage, freight, standing, verification, record.name, record.break_glass, paused)


def refused_entry(outlook: Outlook, record: PromotionRecord, now: datetime) -> str:
    """Say why a Promotion's Freight may no longer enter its Stage, empty when it may; `outlook` knows that Freight."""
    entering = entering_of(outlook, record)
    sentence = refusal(entering.gates(now))
    return f"{entering.freight.alias} may no longer enter: {sentence}" if sentence else ""


async def _freight(
    ledger: Ledger, outlook: Outlook, stage: StageDefinition, wish: Wish, now: datetime
) -> FreightRecord:
    if wish.freight:
        return await ledger.freight.find(wish.project, wish.freight)
    situation = outlook.situation(stage)
    requests = [each for each in stage.spec.requested_freight if wish.origin in ("", each.origin.name)]
    if not requests:
        raise NotFound(f"Stage {stage.name!r} takes no Freight from Warehouse {wish.origin!r}")
    held = held_origins(situation)
    for request in requests:
        best = candidate(situation, request, outlook.known, now)
        # A hold is lifted by promoting the candidate, also when that is what the Stage runs.
        if best and (situation.current.get(best.origin) != best.name or (wish.origin and best.origin in held)):
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


async def _entering(
    ledger: Ledger, outlook: Outlook, stage: StageDefinition, freight: FreightRecord, wish: Wish
) -> Entering:
    standing = await _standing(ledger, outlook, freight)
    return Entering(outlook, stage, freight, standing, break_glass=wish.break_glass)


def _check_entry(entering: Entering, now: datetime) -> None:
    if sentence := refusal(entering.gates(now)):
        raise Refused(f"{sentence}; approve it for {entering.stage.name!r} to promote it all the same")


def _skipped(wish: Wish, freight: FreightRecord, sentence: str, now: datetime) -> AuditEvent:
    """Tell in the trail that Freight did not enter by itself, and why."""
    message = f"{freight.alias} did not enter Stage {wish.stage!r} by itself: {sentence}"
    data = {"stage": wish.stage, "freight": freight.name, "origin": freight.origin, "reason": sentence}
    return AuditEvent(wish.project, "PromotionSkipped", f"Stage/{wish.stage}", wish.actor, message, now, data)


def _refused(wish: Wish, entering: Entering, now: datetime) -> AuditEvent:
    """Tell in the trail that Freight may not enter as somebody asked, with every gate."""
    gates, freight = entering.gates(now), entering.freight
    message = f"{wish.actor} asked to promote {freight.alias} to Stage {wish.stage!r}, refused: {refusal(gates)}"
    data: Json = {"stage": wish.stage, "freight": freight.name, "origin": freight.origin, "reason": wish.reason}
    data |= {"gates": [as_json(gate) for gate in gates]}
    return AuditEvent(wish.project, "PromotionRefused", f"Stage/{wish.stage}", wish.actor, message, now, data)


async def _note_breaking(ledger: Ledger, record: PromotionRecord, entering: Entering, now: datetime) -> None:
    passed = [gate.sentence for gate in replace(entering, break_glass=False).gates(now) if gate.answer != "open"]
    message = f"{record.actor} broke the glass: {record.reason}; at that time: {'; '.join(passed) or 'all was open'}"
    await ledger.promotions.note(record.project, record.name, "BrokeGlass", record.actor, message, now)


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
        break_glass=wish.break_glass,
    )


async def inflated(ledger: Ledger, project: str, stage: StageDefinition) -> tuple[list[Json], list[Json]]:
    """Return a Stage's variables and steps, its tasks' among them, as they are now. It must not be control-flow."""
    template = stage.spec.promotion_template
    assert template is not None  # no control-flow Stage comes here
    tasks = await _tasks(ledger, project)
    return inflate(project, stage.spec.vars, template.spec.vars, template.spec.steps, tasks)


async def _tasks(ledger: Ledger, project: str) -> TaskLookup:
    found = {
        (kind, definition.name): definition
        for kind, scope in (("PromotionTask", project), ("ClusterPromotionTask", ""))
        for definition in await ledger.definitions.list(kind, scope)
    }

    def task(reference: TaskReference) -> PromotionTaskSpec | None:
        definition = found.get((reference.kind, reference.name))
        return _TASKS.of(definition) if definition else None

    return task
