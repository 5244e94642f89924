"""A project's Stages and the policies about them, read from the ledger as one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from flows.stage.graph import in_order
from flows.stage.model import Approval, PromotionPolicy, StagePolicySpec, StageSpec
from flows.stage.policy import approval_for, auto_promotion

Labels = Mapping[str, str]


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

    def approval(self, name: str) -> Approval | None:
        """What people must say before Freight enters a Stage."""
        return approval_for(self.stage_policies, name, self.stage(name).labels)


async def read_pipeline(ledger: Ledger, project: str) -> Pipeline:
    """Read one project's Stages and policies. A project without any gives an empty pipeline."""
    found, configs, own = await asyncio.gather(
        *(ledger.definitions.list(kind, project) for kind in ("Stage", "ProjectConfig", "StagePolicy"))
    )
    stages = [_stage(definition) for definition in found]
    by_name = {stage.name: stage for stage in stages}
    return Pipeline(
        project=project,
        stages={name: by_name[name] for name in in_order({each.name: each.spec for each in stages})},
        policies=[PromotionPolicy.model_validate(p) for c in configs for p in c.spec.get("promotionPolicies") or []],
        stage_policies=[StagePolicySpec.model_validate(definition.spec) for definition in own],
    )


def _stage(definition: Definition) -> StageDefinition:
    return StageDefinition(definition.name, StageSpec.model_validate(definition.spec), definition.labels)
