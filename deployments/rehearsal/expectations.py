"""What a scenario expects of Stages: Freight, promotions, verifications, gates."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord, VerificationPhase
from deployments.rehearsal.files import check_application, check_commit, check_file, check_pull_request
from deployments.rehearsal.freight_words import holds, newest, spoken
from deployments.rehearsal.report import Check
from deployments.rehearsal.scenario import (
    Expected,
    ExpectedGate,
    ExpectedPromotion,
    ExpectedVerification,
)
from deployments.sandbox.world import World
from flows.promotion.admission import check_entry
from flows.stage.candidate import Promote
from flows.stage.outlook import Outlook, read_outlook
from flows.warehouse.conditions import condition, troubled

TOLD = ("Healthy", "FreightCreationCriteriaSatisfied")
"""Conditions of a Warehouse that a scenario may expect words of."""


async def check_all(
    expected: Expected, ledger: Ledger, world: World, project: str, now: datetime, problems: dict[str, str]
) -> list[Check]:
    """Compare everything. `problems` say by Stage why what was promoted is not verified. Raises NotFound."""
    outlook = await read_outlook(ledger, project)
    checks = [check async for check in _of_stages(expected, ledger, outlook, problems)]
    checks += [check async for check in _of_warehouses(expected, ledger, outlook)]
    for stage, gate in expected.gates.items():
        checks.append(_gate(outlook, stage, gate, now))
    for file in expected.files:
        checks += await check_file(world, file)
    for commit in expected.commits:
        checks += await check_commit(world, commit)
    for name, application in expected.applications.items():
        checks += check_application(world, name, application)
    for pull_request in expected.pull_requests:
        checks += await check_pull_request(world, pull_request)
    return checks


async def _of_stages(
    expected: Expected, ledger: Ledger, outlook: Outlook, problems: dict[str, str]
) -> AsyncIterator[Check]:
    project = outlook.pipeline.project
    for name in [*expected.stages, *expected.verified, *expected.promotions, *expected.verifications]:
        outlook.pipeline.stage(name)
    for stage, text in expected.stages.items():
        there = _held(outlook, stage)
        fulfilled = holds(there, text) if text else not there
        yield Check(f"Stage {stage} runs", fulfilled, text or "nothing", spoken(there))
    for stage, text in expected.verified.items():
        there = [each for each, standing in outlook.known if stage in standing.verified_in]
        found = "; ".join(spoken([each]) for each in there) or problems.get(stage, "nothing")
        yield Check(f"verified in {stage}", any(holds([each], text) for each in there), text, found)
    for stage, wanted in expected.promotions.items():
        promotions = await ledger.promotions.list(project, stage, limit=1)
        for check in _promotion(outlook, stage, wanted, promotions):
            yield check
    for stage, verdict in expected.verifications.items():
        latest = await ledger.verifications.latest(project, stage)
        phase, message = (latest.phase, latest.message) if latest else (None, "")
        for check in _verification(stage, verdict, phase, message):
            yield check


async def _of_warehouses(expected: Expected, ledger: Ledger, outlook: Outlook) -> AsyncIterator[Check]:
    project = outlook.pipeline.project
    for warehouse, count in expected.freight.items():
        found = [each for each in outlook.freight.values() if each.origin == warehouse]
        said = f"{len(found)}: {'; '.join(spoken([each]) for each in found) or 'none'}"
        yield Check(f"Freight of {warehouse}", len(found) == count, str(count), said)
    for warehouse, words in expected.warehouses.items():
        if await ledger.definitions.get("Warehouse", project, warehouse) is None:
            raise NotFound(f"project {project!r} has no Warehouse {warehouse!r}")
        status = await ledger.warehouses.status(project, warehouse)
        told = [condition(status, kind) for kind in TOLD]
        said = "; ".join(each["message"] for each in told if each.get("status") == "False")
        fulfilled = words in said if words else not troubled(status)
        yield Check(f"Warehouse {warehouse}", fulfilled, words or "well", said or "well")


def _promotion(
    outlook: Outlook, stage: str, wanted: Phase | ExpectedPromotion, found: Sequence[PromotionRecord]
) -> list[Check]:
    expected = ExpectedPromotion(phase=wanted) if isinstance(wanted, Phase) else wanted
    about = f"newest promotion into {stage}"
    if not found:
        return [Check(about, False, expected.phase or "a promotion", "none")]
    newest_one = found[0]
    said = newest_one.message or str(newest_one.waiting_for.get("message", ""))
    checks = []
    if expected.phase:
        shown = f"{newest_one.phase}{f': {said}' if said else ''}"
        checks.append(Check(about, newest_one.phase is expected.phase, expected.phase, shown))
    if expected.message:
        checks.append(Check(f"{about} says", expected.message in said, expected.message, said or "nothing"))
    if expected.rollback is not None:
        fulfilled = bool(newest_one.rollback) is expected.rollback
        said = f"it takes back {newest_one.rollback}" if newest_one.rollback else "it takes nothing back"
        checks.append(Check(f"{about} is a rollback", fulfilled, str(expected.rollback).lower(), said))
    if expected.freight:
        there = [outlook.freight[newest_one.freight]] if newest_one.freight in outlook.freight else []
        checks.append(Check(f"{about} brings", holds(there, expected.freight), expected.freight, spoken(there)))
    return checks


def _verification(
    stage: str, wanted: VerificationPhase | ExpectedVerification, phase: VerificationPhase | None, message: str
) -> list[Check]:
    expected = ExpectedVerification(phase=wanted) if isinstance(wanted, VerificationPhase) else wanted
    about, found = f"newest verification of {stage}", f"{phase}{f': {message}' if message else ''}" if phase else "none"
    checks = []
    if expected.phase:
        checks.append(Check(about, phase is expected.phase, expected.phase, found))
    if expected.message:
        checks.append(Check(f"{about} says", expected.message in message, expected.message, message or "nothing"))
    return checks


def _gate(outlook: Outlook, stage: str, wanted: ExpectedGate, now: datetime) -> Check:
    """Why Freight may not enter, or does not by itself."""
    freight = newest(outlook.freight.values(), wanted.freight)
    definition = outlook.pipeline.stage(stage)
    said = check_entry(outlook, definition, freight, now)
    if not said:
        verdicts = outlook.auto_promotion(definition, now).verdicts
        verdict = next((each for each in verdicts if each.origin == freight.origin), None)
        said = verdict.sentence if verdict and not isinstance(verdict, Promote) else "it enters by itself"
    return Check(f"gate of {stage} for {wanted.freight}", wanted.because in said, wanted.because, said)


def _held(outlook: Outlook, stage: str) -> list[FreightRecord]:
    visits = outlook.currents.get(stage, {}).values()
    return [outlook.freight[each.freight] for each in visits if each.freight in outlook.freight]
