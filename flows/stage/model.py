"""Stages and the policies about them as people write them (Kargo: Stage, ProjectConfig)."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from flows.model import Model
from flows.promotion.approvers import Terms
from flows.promotion.model import Duration, PromotionTemplate, Variable


class Origin(Model):
    """Where Freight comes from."""

    kind: Literal["Warehouse"] = Field(default="Warehouse", description="Always Warehouse.")
    name: str = Field(min_length=1, description="Name of the Warehouse.")


class AutoPromotionOptions(Model):
    """How auto-promotion picks among available Freight."""

    selection_policy: Literal["NewestFreight", "MatchUpstream"] = Field(
        default="NewestFreight", description="The newest available, or what the single upstream runs now."
    )


class Sources(Model):
    """From where Freight may enter."""

    direct: bool = Field(default=False, description="Straight from the Warehouse.")
    stages: list[str] = Field(default_factory=list, description="Upstream Stages in which it must be verified.")
    required_soak_time: Duration | None = Field(
        default=None, pattern=r"^(\d+(s|m|h))+$", description="Shortest uninterrupted verified stay upstream."
    )
    availability_strategy: Literal["OneOf", "All", ""] = Field(
        default="OneOf", description="Verified and soaked in one upstream Stage, or in all."
    )
    auto_promotion_options: AutoPromotionOptions = Field(
        default_factory=AutoPromotionOptions, description="How auto-promotion picks."
    )

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if not self.direct and not self.stages:
            raise ValueError("sources need 'direct: true' or at least one of 'stages'")
        if self.auto_promotion_options.selection_policy == "MatchUpstream" and (self.direct or len(self.stages) != 1):
            raise ValueError("selectionPolicy MatchUpstream needs exactly one upstream Stage and no 'direct'")
        return self


class FreightRequest(Model):
    """One kind of Freight a Stage takes."""

    origin: Origin = Field(description="The Warehouse it comes from.")
    sources: Sources = Field(description="From where it may enter.")


class TemplateReference(Model):
    """One analysis template to verify with."""

    name: str = Field(min_length=1, description="Name of the template.")
    kind: Literal["AnalysisTemplate", "ClusterAnalysisTemplate"] = Field(
        default="AnalysisTemplate", description="AnalysisTemplate of the project, or ClusterAnalysisTemplate."
    )


class Metadata(Model):
    """Labels and annotations for analysis runs."""

    labels: dict[str, str] = Field(default_factory=dict, description="Labels.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations.")


class Verification(Model):
    """How a Stage checks what it runs."""

    analysis_templates: list[TemplateReference] = Field(default_factory=list, description="Templates, combined.")
    analysis_run_metadata: Metadata = Field(default_factory=Metadata, description="Put on every run.")
    args: list[Variable] = Field(default_factory=list, description="Arguments for the templates.")


class MatchExpression(Model):
    """One requirement on a label (Kubernetes: label selector)."""

    key: str = Field(min_length=1, description="Label key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How to compare.")
    values: list[str] = Field(default_factory=list, description="Values for In and NotIn.")

    @model_validator(mode="after")
    def _values_where_they_belong(self) -> Self:
        if bool(self.values) != (self.operator in ("In", "NotIn")):
            needs = "must not have" if self.values else "needs"
            raise ValueError(f"operator {self.operator} on label {self.key!r} {needs} 'values'")
        return self


class LabelSelector(Model):
    """What labels something must have (Kubernetes: label selector); all criteria must hold, and none fit all."""

    match_labels: dict[str, str] = Field(default_factory=dict, description="Labels that must be equal.")
    match_expressions: list[MatchExpression] = Field(default_factory=list, description="Label requirements.")


class TargetSpec(Model):
    """One of the places a Stage fans out to (Kargo: Target)."""

    params: Any = Field(default_factory=dict, description="Any JSON, seen in expressions as `target.params`.")


class TargetSelection(Model):
    """Which Targets of the project a Stage fans out to."""

    selectors: list[LabelSelector] = Field(default_factory=list, description="What any of these selects; none: none.")


class StageSpec(Model):
    """A promotion target."""

    shard: str | None = Field(default=None, description="Kept for Kargo's sake; Prefect's work pools decide here.")
    vars: list[Variable] = Field(default_factory=list, description="Variables for the template.")
    requested_freight: list[FreightRequest] = Field(min_length=1, description="What the Stage takes.")
    promotion_template: PromotionTemplate | None = Field(
        default=None, description="The steps; without any, the Stage only passes Freight on."
    )
    verification: Verification | None = Field(default=None, description="How success is checked.")
    targets: TargetSelection | None = Field(default=None, description="Fan-out: a promotion of its own per target.")

    @model_validator(mode="after")
    def _each_origin_once(self) -> Self:
        names = [request.origin.name for request in self.requested_freight]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"requestedFreight names Warehouse {name!r} more than once")
        return self

    @property
    def steps(self) -> list[Any]:
        """The template's steps, none for a control-flow Stage."""
        return list(self.promotion_template.spec.steps) if self.promotion_template else []

    def request(self, origin: str) -> FreightRequest | None:
        """The request for one Warehouse's Freight, if the Stage takes it."""
        return next((wanted for wanted in self.requested_freight if wanted.origin.name == origin), None)


class StageSelector(LabelSelector):
    """Which Stages a policy is about; all criteria must hold."""

    name: str | None = Field(default=None, description="Exact name, or glob:…, regex:… or regexp:….")


class AutoRollback(Model):
    """When a Stage goes back to the Freight that was verified there last."""

    on_promotion: list[Literal["Failed", "Errored"]] = Field(
        default_factory=list, description="Outcomes of promotions."
    )
    on_verification: list[Literal["Failed", "Error"]] = Field(
        default=["Failed"], description="Outcomes of verifications."
    )


class PromotionPolicy(Model):
    """Whether Stages promote by themselves."""

    stage_selector: StageSelector | None = Field(default=None, description="Which Stages.")
    stage: str | None = Field(default=None, description="Deprecated: exact name.")
    auto_promotion_enabled: bool = Field(default=False, description="Whether Freight enters without a person.")
    auto_rollback: AutoRollback | None = Field(default=None, description="When to go back; unset: never.")

    @property
    def about(self) -> StageSelector:
        """Which Stages it is about; of both a selector and a name the selector counts (Kargo). Manifests have one."""
        return self.stage_selector or StageSelector(name=self.stage)


class Approval(Terms):
    """What people must say before Freight enters."""

    timeout: Duration = Field(default="168h", description="How long to wait before the promotion fails.")


class TargetLimits(Model):
    """How a Stage with targets goes about them."""

    max_concurrent: int = Field(default=10, ge=1, le=100, description="Targets at work at once.")
    max_failures: int = Field(default=1, ge=1, description="After so many failed targets no further one begins.")


class StagePolicySpec(Model):
    """Our own kind (drayage.dev/v1 StagePolicy): what Kargo's open manifests have no word for."""

    stage_selector: StageSelector = Field(description="Which Stages.")
    approval: Approval | None = Field(default=None, description="Ask people before promoting.")
    targets: TargetLimits | None = Field(default=None, description="How a Stage fans out to its targets.")
    queue: Literal["Every", "Latest"] | None = Field(
        default=None, description="Whether every waiting promotion runs, or only the latest of a Warehouse."
    )
    revoke_on_failed_verification: bool = Field(
        default=False, description="Whether a failed verification takes back that Freight was verified in the Stage."
    )
