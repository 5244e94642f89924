"""What the policies about Stages say of one Stage: does it promote by itself, and whom must it ask?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flows.stage.model import Approval, AutoRollback, PromotionPolicy, StagePolicySpec
from flows.stage.selector import Labels, selects

Queue = Literal["Every", "Latest"]


@dataclass(frozen=True)
class PolicyVerdict:
    """Whether a Stage promotes by itself, and which policy of the list says so; None when none is about it."""

    enabled: bool
    matched_index: int | None = None


def auto_promotion(policies: Iterable[PromotionPolicy], stage_name: str, labels: Labels) -> PolicyVerdict:
    """Find the first policy that is about a Stage; later ones are not looked at. No policy means no.

    Raises Invalid when a policy on the way cannot be evaluated.
    """
    for index, policy in enumerate(policies):
        if _about(policy, stage_name, labels):
            return PolicyVerdict(policy.auto_promotion_enabled, index)
    return PolicyVerdict(enabled=False)


def auto_rollback(policies: Iterable[PromotionPolicy], stage_name: str, labels: Labels) -> AutoRollback | None:
    """When a Stage goes back by itself: what the first policy about it says, None when that says nothing.

    Raises Invalid when a policy on the way cannot be evaluated.
    """
    return next((each.auto_rollback for each in policies if _about(each, stage_name, labels)), None)


def approvals_for(policies: Iterable[StagePolicySpec], stage_name: str, labels: Labels) -> list[Approval]:
    """What people must say by the policies about a Stage: all of it, the one with the most people first.

    Raises Invalid when a policy cannot be evaluated.
    """
    asked = [each.approval for each in policies if each.approval and selects(each.stage_selector, stage_name, labels)]
    return sorted(asked, key=lambda approval: -approval.min_approvals)


def queue_for(policies: Iterable[StagePolicySpec], stage_name: str, labels: Labels) -> Queue:
    """Whether every waiting promotion of a Stage runs or only the latest: what the first policy that says so says.

    Raises Invalid when a policy cannot be evaluated.
    """
    said = (each.queue for each in policies if each.queue and selects(each.stage_selector, stage_name, labels))
    return next(said, "Every")


def revokes_for(policies: Iterable[StagePolicySpec], stage_name: str, labels: Labels) -> bool:
    """Whether a failed verification takes back that Freight was verified: when any policy about the Stage says so.

    Raises Invalid when a policy cannot be evaluated.
    """
    return any(
        each.revoke_on_failed_verification and selects(each.stage_selector, stage_name, labels) for each in policies
    )


def _about(policy: PromotionPolicy, stage_name: str, labels: Labels) -> bool:
    return selects(policy.about, stage_name, labels)
