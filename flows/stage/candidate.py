"""Which Freight a Stage would take by itself, and what keeps it from doing so (Kargo: auto-promotion and its holds)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from blocks.ledger.promotion_queue import superseded
from blocks.ledger.records import CONTROLLER, FreightRecord, Hold, Phase, PromotionRecord, Standing
from flows.stage.availability import Available, available
from flows.stage.model import FreightRequest, PromotionPolicy, StageSpec
from flows.stage.policy import auto_promotion
from flows.stage.selector import Labels

Standings = Sequence[tuple[FreightRecord, Standing]]
Intent = Literal["hold", "resume", ""]


@dataclass(frozen=True)
class Situation:
    """How one Stage stands when auto-promotion looks at it.

    `current` maps origin to the Freight the Stage runs. `holds` are the recorded ones. `promotions` are the Stage's:
    all unfinished ones, and the finished ones of the Freight in question or newer than `last_promotion`, the name of
    the newest finished Promotion whose outcome and intent `current` and `holds` already reflect. `passed` are those
    that were asked for before it and are still on their way: they waited for people, and others passed them.
    """

    project: str
    name: str
    spec: StageSpec
    labels: Labels = field(default_factory=dict)
    current: Mapping[str, str] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    promotions: Sequence[PromotionRecord] = ()
    last_promotion: str = ""
    passed: Collection[str] = ()


@dataclass(frozen=True)
class Promote:
    """Auto-promotion wants this Freight in."""

    origin: str
    freight: FreightRecord
    why: str


@dataclass(frozen=True)
class Skip:
    """Auto-promotion leaves this origin alone, and why."""

    origin: str
    sentence: str


@dataclass(frozen=True)
class AutoPromotion:
    """What auto-promotion decides for one Stage: one verdict per requested origin, in the order of requests."""

    enabled: bool
    held: list[str]
    verdicts: list[Promote | Skip]


def candidate(situation: Situation, request: FreightRequest, freight: Standings, now: datetime) -> FreightRecord | None:
    """The Freight of one origin that a Stage would take next: the newest available, equal ones by greater name.

    With selectionPolicy MatchUpstream only what the upstream Stage runs now counts, and while two Freight are
    there at once, none does.
    """
    mine = sorted((each for each in freight if each[0].origin == request.origin.name), key=_newest, reverse=True)
    choice = (each for each, standing in mine if _choosable(situation, request, each, standing, now))
    best = next(choice, None)
    return None if matches_upstream(request) and next(choice, None) else best


def _newest(known: tuple[FreightRecord, Standing]) -> tuple[datetime, str]:
    return known[0].discovered_at, known[0].name


def auto_promote(
    situation: Situation, policies: Iterable[PromotionPolicy], freight: Standings, now: datetime
) -> AutoPromotion:
    """Decide which Freight enters a Stage by itself. Raises Invalid when a policy cannot be evaluated."""
    requests = situation.spec.requested_freight
    if not auto_promotion(policies, situation.name, situation.labels).enabled:
        off = f"auto-promotion is not enabled for '{situation.name}'"
        return AutoPromotion(False, [], [Skip(request.origin.name, off) for request in requests])
    held = held_origins(situation)
    verdicts = [_verdict(situation, request, held, freight, now) for request in requests]
    return AutoPromotion(True, sorted(held), verdicts)


def held_origins(situation: Situation) -> dict[str, str]:
    """Origin to held Freight."""
    return {origin: hold.freight for origin, hold in effective_holds(situation).items()}


def effective_holds(situation: Situation) -> dict[str, Hold]:
    """Holds by origin: the recorded ones with the intents of newer Promotions applied, oldest first.

    Every outcome but Aborted counts, also one not known yet, so that a person's choice protects itself from the
    moment of asking until it has ended, also while others pass it. Holds of origins that the Stage no longer
    requests count no more.
    """
    held = {hold.origin: hold for hold in situation.holds}
    for promotion in sorted(situation.promotions, key=lambda each: each.name):
        known = promotion.name <= situation.last_promotion and promotion.name not in situation.passed
        if promotion.phase is Phase.ABORTED or known:
            continue
        if promotion.intent == "hold":
            held[promotion.origin] = _hold(promotion)
        elif promotion.intent == "resume":
            held.pop(promotion.origin, None)
    return {origin: hold for origin, hold in held.items() if situation.spec.request(origin)}


def passed(promotions: Sequence[PromotionRecord]) -> list[str]:
    """Which of a Stage's Promotions are still on their way although later ones have ended.

    Where a later one of the same Warehouse succeeded, that one's word counts.
    """
    last: dict[str, str] = {}
    for each in promotions:
        if each.phase is Phase.SUCCEEDED:
            last[each.origin] = max(last.get(each.origin, ""), each.name)
    return [each.name for each in promotions if not each.phase.terminal and each.name > last.get(each.origin, "")]


def _hold(promotion: PromotionRecord) -> Hold:
    """The hold that a Promotion makes when it succeeds."""
    return Hold(
        project=promotion.project,
        stage=promotion.stage,
        origin=promotion.origin,
        freight=promotion.freight,
        promotion=promotion.name,
        actor=promotion.actor,
        created_at=promotion.created_at,
    )


def intent(
    situation: Situation,
    policies: Iterable[PromotionPolicy],
    promoted: FreightRecord,
    freight: Standings,
    now: datetime,
) -> Intent:
    """What a person's Promotion means for auto-promotion: the candidate resumes it, anything else is a hold.

    Where auto-promotion is off, nothing. Promotions the system itself makes have no intent (see `is_system`).
    """
    request = situation.spec.request(promoted.origin)
    if request is None or not auto_promotion(policies, situation.name, situation.labels).enabled:
        return ""
    best = candidate(situation, request, freight, now)
    return "resume" if best and best.name == promoted.name else "hold"


def is_system(actor: str, from_control_plane: bool) -> bool:
    """Whether a Promotion is the system's own: asked for by the control plane, by nobody or by a controller."""
    return from_control_plane and (not actor or actor.startswith("controller:"))


def _choosable(
    situation: Situation, request: FreightRequest, freight: FreightRecord, standing: Standing, now: datetime
) -> bool:
    if matches_upstream(request) and request.sources.stages[0] not in standing.currently_in:
        return False
    verdict = available(situation.project, situation.name, situation.spec, freight, standing, now)
    return isinstance(verdict, Available)


def matches_upstream(request: FreightRequest) -> bool:
    """Whether what its upstream Stage runs now is the candidate."""
    return request.sources.auto_promotion_options.selection_policy == "MatchUpstream"


def _verdict(
    situation: Situation, request: FreightRequest, held: Mapping[str, str], freight: Standings, now: datetime
) -> Promote | Skip:
    origin = request.origin.name
    if origin in held:
        alias = next((each.alias for each, _ in freight if each.name == held[origin]), held[origin])
        who = "a rollback brought" if effective_holds(situation)[origin].actor == CONTROLLER else "a person chose"
        return Skip(origin, f"{who} {alias}; promote the candidate of Warehouse '{origin}' to resume")
    best = candidate(situation, request, freight, now)
    if best is None:
        return Skip(origin, f"no Freight from Warehouse '{origin}' is a candidate for '{situation.name}'")
    reason = _not_now(situation, best)
    return Skip(origin, reason) if reason else Promote(origin, best, f"{best.alias} is the candidate of '{origin}'")


def _not_now(situation: Situation, best: FreightRecord) -> str:
    """Why the candidate itself is not promoted; empty when nothing is in its way."""
    stage, alias = situation.name, best.alias
    if situation.current.get(best.origin) == best.name:
        return f"{alias} is already in '{stage}'"
    mine = [each for each in situation.promotions if each.stage == stage and each.freight == best.name]
    waiting = next((each for each in mine if not each.phase.terminal), None)
    if waiting:
        return f"{alias} is already on its way to '{stage}' (Promotion {waiting.name} is {waiting.phase})"
    tried = (each for each in mine if not superseded(each))
    newest = max(tried, key=lambda each: (each.created_at, each.name), default=None)
    if newest and newest.phase is not Phase.SUCCEEDED:
        return f"Promotion {newest.name} of {alias} ended {newest.phase}; it is not tried again until a person asks"
    unprocessed = next((each for each in mine if each.name > situation.last_promotion), None)
    if unprocessed:
        return f"'{stage}' has not yet taken note of Promotion {unprocessed.name} of {alias}"
    return ""
