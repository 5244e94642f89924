"""A project's Stages and the policies about them, read from the ledger as one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, Json
from flows.stage.graph import in_order
from flows.stage.model import Approval, AutoRollback, PromotionPolicy, StagePolicySpec, StageSpec
from flows.stage.parsed import Parsed
from flows.stage.policy import approval_for, auto_promotion, auto_rollback

Labels = Mapping[str, str]

KINDS = ("Stage", "ProjectConfig", "StagePolicy")
"""The kinds of definitions that make a project's pipeline."""


@dataclass(frozen=True)
class StageDefinition:
    """One Stage as applied."""

    name: str
    spec: StageSpec
    labels: Labels = field(default_factory=dict)

    @property
    def control_flow(self) -> bool:
        """Whether the Stage has no steps and only passes Freight on."""
        return not self.spec.steps


@dataclass(frozen=True)
class Pipeline:
    """All Stages of one project, upstream ones first, its promotion policies in order, and our own policies."""

    project: str
    stages: dict[str, StageDefinition]
    policies: list[PromotionPolicy]
    stage_policies: list[StagePolicySpec]

    def stage(self, name: str) -> StageDefinition:
        """Find a Stage. Raises NotFound with the known names."""
        if name not in self.stages:
            known = ", ".join(sorted(self.stages)) or "none"
            raise NotFound(f"project {self.project!r} has no Stage {name!r}; it has: {known}")
        return self.stages[name]

    def auto(self, name: str) -> bool:
        """Whether a Stage promotes by itself."""
        stage = self.stage(name)
        return auto_promotion(self.policies, name, stage.labels).enabled

    def rollback(self, name: str) -> AutoRollback | None:
        """When a Stage goes back by itself, None when it never does."""
        return auto_rollback(self.policies, name, self.stage(name).labels)

    def approval(self, name: str) -> Approval | None:
        """What people must say before Freight enters a Stage."""
        return approval_for(self.stage_policies, name, self.stage(name).labels)


async def read_pipeline(ledger: Ledger, project: str) -> Pipeline:
    """Read one project's Stages and policies. A project without any gives an empty pipeline."""
    return build_pipeline(project, await ledger.definitions.of_kinds(KINDS, project))


def build_pipeline(project: str, definitions: Iterable[Definition]) -> Pipeline:
    """Put together what is defined for one project; definitions of other kinds are passed over."""
    by_kind: dict[str, list[Definition]] = {kind: [] for kind in KINDS}
    for definition in definitions:
        if definition.kind in by_kind:
            by_kind[definition.kind].append(definition)
    stages = {each.name: StageDefinition(each.name, _SPECS.of(each), each.labels) for each in by_kind["Stage"]}
    return Pipeline(
        project=project,
        stages={name: stages[name] for name in in_order({name: each.spec for name, each in stages.items()})},
        policies=[policy for each in by_kind["ProjectConfig"] for policy in _POLICIES.of(each)],
        stage_policies=[_STAGE_POLICIES.of(each) for each in by_kind["StagePolicy"]],
    )


def _policies(spec: Json) -> list[PromotionPolicy]:
    return [PromotionPolicy.model_validate(each) for each in spec.get("promotionPolicies") or []]


_SPECS = Parsed(StageSpec.model_validate)
_POLICIES = Parsed(_policies)
_STAGE_POLICIES = Parsed(StagePolicySpec.model_validate)
