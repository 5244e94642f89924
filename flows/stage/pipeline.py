"""A project's Stages and the policies about them, read from the ledger as one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from blocks.errors import Invalid, NotFound
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
T = TypeVar("T")

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
    """All Stages of one project, upstream ones first, its promotion policies in order, and our own policies.

    `unreadable` are by name the Stages that are there, but are nothing that this version can go by, with a sentence.
    """

    project: str
    stages: dict[str, StageDefinition]
    policies: list[PromotionPolicy]
    stage_policies: list[StagePolicySpec]
    windows: list[PromotionWindow] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a Stage is there, readable or not."""
        return name in self.stages or name in self.unreadable

    def stage(self, name: str) -> StageDefinition:
        """Find a Stage. Raises NotFound with the known names, Invalid when it cannot be read."""
        if name in self.unreadable:
            raise Invalid(self.unreadable[name])
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

    Definitions of other kinds are passed over. One Stage that cannot be read hinders no other. Where policies cannot
    be read nobody knows who must approve, and when, so no Stage of theirs can be gone by.
    """
    by_kind: dict[str, list[Definition]] = {kind: [] for kind in KINDS}
    for definition in definitions:
        if definition.kind in by_kind:
            by_kind[definition.kind].append(definition)
    unreadable: dict[str, str] = {}
    about_all: dict[str, str] = {}
    stages = {
        each.name: StageDefinition(each.name, spec, each.labels)
        for each, spec in _read(_SPECS, by_kind["Stage"], unreadable)
    }
    policies = [policy for _, some in _read(_POLICIES, by_kind["ProjectConfig"], about_all) for policy in some]
    stage_policies = [each for _, each in _read(_STAGE_POLICIES, by_kind["StagePolicy"], about_all)]
    windows = [window for _, some in _read(_WINDOWS, by_kind["ProjectConfig"], about_all) for window in some]
    windows += _cluster_windows(project, by_kind, about_all)
    if about_all:
        said = "; ".join(about_all.values())
        stages, unreadable = {}, {each.name: said for each in by_kind["Stage"]}
    return Pipeline(
        project=project,
        stages={name: stages[name] for name in in_order({name: each.spec for name, each in stages.items()})},
        policies=policies,
        stage_policies=stage_policies,
        windows=windows,
        unreadable=unreadable,
    )


def _read(
    parsed: Parsed[T], definitions: Iterable[Definition], unreadable: dict[str, str]
) -> Iterator[tuple[Definition, T]]:
    """Read what can be read; of the rest the sentences are kept by name."""
    for each in definitions:
        try:
            yield each, parsed.of(each)
        except Invalid as error:
            unreadable[each.name] = str(error)


def _cluster_windows(
    project: str, by_kind: Mapping[str, list[Definition]], unreadable: dict[str, str]
) -> Iterator[PromotionWindow]:
    """Those of the whole installation that are about this project."""
    labels = next((each.labels for each in by_kind["Project"] if each.name == project), {})
    for _, some in _read(_CLUSTER_WINDOWS, by_kind["ClusterConfig"], unreadable):
        yield from (each for each in some if _about(each.project_selector, project, labels))


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
