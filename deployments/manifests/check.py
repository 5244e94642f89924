"""Checks manifests against each other and against what the ledger already has."""

from collections.abc import Callable, Iterator, Sequence

from blocks.credentials import SYSTEM
from blocks.errors import Invalid
from deployments.manifests.known import Known, scope
from deployments.manifests.metadata import SHARED_PROJECTS
from deployments.manifests.problem import Problem
from deployments.manifests.resource import Resource
from deployments.manifests.step_check import step_problems
from deployments.manifests.warehouse_check import tried, warehouse_problems
from deployments.manifests.window_check import window_problems
from flows.duration import parse_duration
from flows.promotion.inflate import inflate
from flows.promotion.model import PromotionTaskSpec
from flows.stage.cluster_config import ClusterConfigSpec
from flows.stage.graph import cycles
from flows.stage.model import StagePolicySpec, StageSelector, StageSpec
from flows.stage.project_config import ProjectConfigSpec
from flows.stage.selector import name_pattern
from flows.verification.model import AnalysisTemplateSpec
from flows.warehouse.model import WarehouseSpec

Found = Iterator[tuple[str, str]]


def check(resources: Sequence[Resource], known: Known) -> list[Problem]:
    """Find every problem that no object has by itself; `known` is what exists once the manifests are applied."""
    problems = [*_twice(resources), *_projects(resources, known), *_cycles(resources, known)]
    for each in resources:
        examine = CHECKS.get(each.kind.name)
        if examine:
            problems += [each.problem(path, message) for path, message in examine(each, known)]
    return problems


def _twice(resources: Sequence[Resource]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str], Resource] = {}
    for each in resources:
        earlier = first.setdefault((each.kind.name, each.project, each.name), each)
        if earlier is not each:
            place = f"{earlier.document.file}:{earlier.document.line}"
            message = f"{each.kind.name} '{each.name}' is defined twice, first at {place}, expected once, remove one"
            yield each.document.problem(("metadata", "name"), message)


def _projects(resources: Sequence[Resource], known: Known) -> Iterator[Problem]:
    for each in resources:
        shared = each.kind.name in ("Secret", "ConfigMap") and each.project in SHARED_PROJECTS
        shared = shared or (each.kind.name == "Secret" and each.project == SYSTEM)
        message = "" if each.kind.cluster or shared else known.missing("Project", "", each.project)
        if message:
            yield each.document.problem(("metadata", "namespace"), message)


def _cycles(resources: Sequence[Resource], known: Known) -> Iterator[Problem]:
    """Report each circle once, at the first of its Stages that the manifests hold."""
    stages = {(each.project, each.name): each for each in resources if each.kind.name == "Stage"}
    for project in sorted({project for project, _ in stages}):
        for cycle in cycles(known.stages(project)):
            here = next((stages[project, name] for name in cycle if (project, name) in stages), None)
            if here:
                way = " → ".join([*cycle, cycle[0]])
                message = f"Freight goes in circles ({way}), expected one direction, remove one of these sources"
                yield here.problem("requestedFreight", message)


def _stage(stage: Resource, known: Known) -> Found:
    spec: StageSpec = stage.spec
    for index, request in enumerate(spec.requested_freight):
        path = f"requestedFreight[{index}]"
        yield from _named(known, "Warehouse", stage.project, request.origin.name, f"{path}.origin.name")
        for position, upstream in enumerate(request.sources.stages):
            yield from _named(known, "Stage", stage.project, upstream, f"{path}.sources.stages[{position}]")
    if spec.promotion_template:
        for path, message in step_problems(spec.steps, in_task=False):
            yield f"promotionTemplate.spec.{path}", message
        yield from _tasks(stage, spec, known)
    for index, template in enumerate(spec.verification.analysis_templates if spec.verification else ()):
        path = f"verification.analysisTemplates[{index}].name"
        yield from _named(known, template.kind, scope(template.kind, stage.project), template.name, path)


def _tasks(stage: Resource, spec: StageSpec, known: Known) -> Found:
    """Each task exists and gets its variables, tried as it is when a Promotion is made."""
    assert spec.promotion_template is not None
    lookup = known.tasks(stage.project)
    for index, step in enumerate(spec.steps):
        if step.task is None:
            continue
        path = f"promotionTemplate.spec.steps[{index}]"
        missing = known.missing(step.task.kind, scope(step.task.kind, stage.project), step.task.name)
        if missing:
            yield f"{path}.task.name", missing
        elif lookup(step.task) is not None:
            named = step.model_copy(update={"as_": step.as_ or f"task-{index + 1}"})
            try:
                inflate(stage.project, spec.vars, spec.promotion_template.spec.vars, [named], lookup)
            except Invalid as error:
                yield f"{path}.vars", str(error)


def _task(task: Resource, _known: Known) -> Found:
    spec: PromotionTaskSpec = task.spec
    yield from step_problems(spec.steps, in_task=True)


def _template(template: Resource, known: Known) -> Found:
    """The templates it names exist. A shared one may name a project's own, which only that project can tell."""
    spec: AnalysisTemplateSpec = template.spec
    for index, nested in enumerate(spec.templates):
        kind = "ClusterAnalysisTemplate" if nested.cluster_scope else "AnalysisTemplate"
        if template.project or nested.cluster_scope:
            path = f"templates[{index}].templateName"
            yield from _named(known, kind, scope(kind, template.project), nested.template_name, path)


def _warehouse(warehouse: Resource, _known: Known) -> Found:
    spec: WarehouseSpec = warehouse.spec
    yield from warehouse_problems(spec)


def _project_config(config: Resource, _known: Known) -> Found:
    spec: ProjectConfigSpec = config.spec
    for index, policy in enumerate(spec.promotion_policies):
        if (policy.stage is None) == (policy.stage_selector is None):
            yield f"promotionPolicies[{index}]", "a promotion policy has exactly one of 'stageSelector' and 'stage'"
        if policy.stage_selector:
            yield from _selector(policy.stage_selector, f"promotionPolicies[{index}].stageSelector")
    yield from window_problems(spec.promotion_windows)


def _cluster_config(config: Resource, _known: Known) -> Found:
    spec: ClusterConfigSpec = config.spec
    yield from window_problems(spec.promotion_windows)


def _stage_policy(policy: Resource, _known: Known) -> Found:
    spec: StagePolicySpec = policy.spec
    yield from _selector(spec.stage_selector, "stageSelector")
    if spec.approval:
        yield from tried("approval.timeout", parse_duration, spec.approval.timeout)


def _selector(selector: StageSelector, path: str) -> Found:
    if selector.name:
        yield from tried(f"{path}.name", name_pattern, selector.name)


def _named(known: Known, kind: str, project: str, name: str, path: str) -> Found:
    message = known.missing(kind, project, name)
    if message:
        yield path, message


CHECKS: dict[str, Callable[[Resource, Known], Found]] = {
    "Stage": _stage,
    "PromotionTask": _task,
    "ClusterPromotionTask": _task,
    "Warehouse": _warehouse,
    "ProjectConfig": _project_config,
    "ClusterConfig": _cluster_config,
    "StagePolicy": _stage_policy,
    "AnalysisTemplate": _template,
    "ClusterAnalysisTemplate": _template,
}
