"""What was decided by which rule with which inputs, as the audit trail keeps it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from blocks.ledger.gate_answers import Decided
from blocks.ledger.records import FreightRecord, Json, PromotionRecord, Standing
from flows.promotion.gates import Entering, Gate, before_turn, refusal
from flows.stage.candidate import Promote, Skip
from flows.stage.outlook import Outlook
from flows.stage.pipeline import StageDefinition
from flows.stage.policy import auto_promotion

Verdict = tuple[StageDefinition, Promote | Skip]


def of_verdicts(outlook: Outlook, verdicts: Iterable[Verdict]) -> Iterator[Decided]:
    """What enters Stages by itself, and what does not. What is on its way is decided by its Promotion."""
    for stage, verdict in verdicts:
        if not _on_its_way(outlook, stage, verdict.origin):
            yield _of_verdict(outlook, stage, verdict)


def _of_verdict(outlook: Outlook, stage: StageDefinition, verdict: Promote | Skip) -> Decided:
    enters = isinstance(verdict, Promote)
    freight = verdict.freight if isinstance(verdict, Promote) else None
    policy = auto_promotion(outlook.pipeline.policies, stage.name, stage.labels)
    visit = outlook.currents.get(stage.name, {}).get(verdict.origin)
    inputs: Json = {
        "rule": "auto-promotion",
        "policy": policy.matched_index,
        "enabled": policy.enabled,
        "current": visit.freight if visit else "",
        "holds": {hold.origin: hold.freight for hold in outlook.holds if hold.stage == stage.name},
    }
    if freight:
        inputs["standing"] = _standing(outlook, stage, freight)
    return Decided(
        project=outlook.pipeline.project,
        stage=stage.name,
        about=f"Warehouse/{verdict.origin}",
        answer="promote" if enters else "skip",
        sentence=verdict.why if isinstance(verdict, Promote) else verdict.sentence,
        freight=freight.name if freight else "",
        inputs=inputs,
    )


def of_promotion(record: PromotionRecord, entering: Entering, gates: Sequence[Gate]) -> Decided:
    """Whether a Promotion that has come to its Stage begins, waits or may not enter any more."""
    blocks, waits = refusal(gates), before_turn(gates)
    answer = "block" if blocks else "wait" if waits else "begin"
    visit = entering.outlook.currents.get(record.stage, {}).get(record.origin)
    inputs: Json = {
        "rule": ", ".join(dict.fromkeys(gate.name for gate in gates if gate.answer != "open")) or "all gates",
        "gates": [as_json(gate) for gate in gates],
        "actor": record.actor,
        "breakGlass": entering.break_glass,
        "current": visit.freight if visit else "",
        "standing": _standing(entering.outlook, entering.stage, entering.freight),
    }
    open_why = next((gate.sentence for gate in gates if gate.name == "availability"), "every gate is open")
    return Decided(
        project=record.project,
        stage=record.stage,
        about=f"{record.kind}/{record.name}",
        answer=answer,
        sentence=blocks or "; ".join(gate.sentence for gate in waits) or open_why,
        freight=record.freight,
        inputs=inputs,
    )


def as_json(gate: Gate) -> Json:
    """One gate as the trail keeps it."""
    until = {"until": gate.until.isoformat()} if gate.until else {}
    return {"name": gate.name, "answer": gate.answer, "sentence": gate.sentence, **until}


def _on_its_way(outlook: Outlook, stage: StageDefinition, origin: str) -> bool:
    promotions = outlook.promotions.get(stage.name, [])
    return any(not each.phase.terminal and each.origin == origin for each in promotions)


def _standing(outlook: Outlook, stage: StageDefinition, freight: FreightRecord) -> Json:
    """Where the Freight stands, as far as this Stage looks at it."""
    standing = outlook.standings.get(freight.name, Standing())
    request = stage.spec.request(freight.origin)
    looked_at = {stage.name, *(request.sources.stages if request else ())}
    verified = {name: each for name, each in standing.verified_in.items() if name in looked_at}
    return {
        "verifiedIn": {name: each.verified_at.isoformat() for name, each in verified.items()},
        "longestSoak": {n: e.longest_soak.total_seconds() for n, e in verified.items() if e.longest_soak},
        "currentlyIn": _times(standing.currently_in, looked_at),
        "approvedFor": _times(standing.approved_for, {stage.name}),
    }


def _times(known: dict[str, datetime], looked_at: set[str]) -> dict[str, str]:
    return {name: at.isoformat() for name, at in known.items() if name in looked_at}
