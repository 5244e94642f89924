"""A project's Stages and the policies about them, read from the ledger as one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, Json
from flows.stage.cluster_config import ClusterPromotionWindow
from flows.stage.graph import in_order
from flows.stage.model import Approval, AutoRollback, PromotionPolicy, StagePolicySpec, StageSelector, StageSpec
from flows.stage.parsed import Parsed
from flows.stage.policy import Queue, approvals_for, auto_promotion, auto_rollback, queue_for, revokes_for
from flows.stage.project_config import PromotionWindow
from flows.stage.selector import selects
from flows.stage.windows import WindowStatus, window_status

Labels = Mapping[str, str]

KINDS = ("Stage", "ProjectConfig", "StagePolicy", "Project", "ClusterConfig")
"""The kinds of definitions that make a project's pipeline; the last two are in no project."""


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
    windows: list[PromotionWindow] = field(default_factory=list)

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

    def approvals(self, name: str) -> list[Approval]:
        """What people must say before Freight enters a Stage: all of it, the one with the most people first."""
        return approvals_for(self.stage_policies, name, self.stage(name).labels)

    def approval(self, name: str) -> Approval | None:
        """The one of these with the most people; None when nobody is asked."""
        return next(iter(self.approvals(name)), None)

    def queue(self, name: str) -> Queue:
        """Whether every waiting promotion of a Stage runs, or only the latest."""
        return queue_for(self.stage_policies, name, self.stage(name).labels)

    def revokes(self, name: str) -> bool:
        """Whether a failed verification takes back that Freight was verified in a Stage."""
        return revokes_for(self.stage_policies, name, self.stage(name).labels)

    def window_status(self, name: str, now: datetime) -> WindowStatus | None:
        """How the windows about a Stage stand, None without any."""
        labels = self.stage(name).labels
        return window_status([each for each in self.windows if _about(each.stage_selector, name, labels)], now)


async def read_pipeline(ledger: Ledger, project: str) -> Pipeline:
    """Read one project's Stages and policies. A project without any gives an empty pipeline."""
    return build_pipeline(project, await ledger.definitions.of_kinds(KINDS, project))


async def read_pipelines(ledger: Ledger, projects: Collection[str]) -> dict[str, Pipeline]:
    """Read the pipelines of several projects, in one query however many these are."""
    found = await ledger.definitions.of_kinds(KINDS) if projects else []
    everywhere = [each for each in found if each.kind == "ClusterConfig"]
    defined: dict[str, list[Definition]] = {project: [*everywhere] for project in projects}
    for each in found:
        project = each.name if each.kind == "Project" else each.project
        if project in defined:
            defined[project].append(each)
    return {project: build_pipeline(project, some) for project, some in defined.items()}


def build_pipeline(project: str, definitions: Iterable[Definition]) -> Pipeline:
    """Put together what is defined for one project, its Project and the ClusterConfig among it.

    Definitions of other kinds are passed over.
    """
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
        windows=[*_windows(by_kind), *_cluster_windows(project, by_kind)],
    )


def _windows(by_kind: Mapping[str, list[Definition]]) -> Iterator[PromotionWindow]:
    for config in by_kind["ProjectConfig"]:
        yield from _WINDOWS.of(config)


def _cluster_windows(project: str, by_kind: Mapping[str, list[Definition]]) -> Iterator[PromotionWindow]:
    """Those of the whole installation that are about this project."""
    labels = next((each.labels for each in by_kind["Project"] if each.name == project), {})
    for config in by_kind["ClusterConfig"]:
        yield from (each for each in _CLUSTER_WINDOWS.of(config) if _about(each.project_selector, project, labels))


def _about(selector: StageSelector | None, name: str, labels: Labels) -> bool:
    return selector is None or selects(selector, name, labels)


def _project_windows(spec: Json) -> list[PromotionWindow]:
    return [PromotionWindow.model_validate(each) for each in spec.get("promotionWindows") or []]


def _installation_windows(spec: Json) -> list[ClusterPromotionWindow]:
    return [ClusterPromotionWindow.model_validate(each) for each in spec.get("promotionWindows") or []]


def _policies(spec: Json) -> list[PromotionPolicy]:
    return [PromotionPolicy.model_validate(each) for each in spec.get("promotionPolicies") or []]


_SPECS = Parsed(StageSpec.model_validate)
_POLICIES = Parsed(_policies)
_STAGE_POLICIES = Parsed(StagePolicySpec.model_validate)
_WINDOWS = Parsed(_project_windows)
_CLUSTER_WINDOWS = Parsed(_installation_windows)
