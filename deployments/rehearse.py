"""Playing scenarios: a whole pipeline, its manifests as they are, against the sandbox, without network or Prefect."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from blocks.errors import DrayageError, Invalid
from deployments.manifests.load import Manifests, load
from deployments.rehearsal.report import ScenarioReport, StepReport
from deployments.rehearsal.scenario import Scenario, Step
from deployments.rehearsal_director import Director
from deployments.rehearsal_moves import Mover
from deployments.rehearsal_world import stand

LONGEST = 300.0
"""Seconds one scenario may take."""


async def rehearse(paths: Sequence[str], scenarios: Sequence[tuple[Path, Scenario]]) -> list[ScenarioReport]:
    """Play every scenario with the manifests at these paths, each in a world of its own.

    Raises ManifestError, and Invalid when a scenario does not fit the manifests, before anything is played.
    """
    manifests = await asyncio.to_thread(load, paths, [])
    projects = [_project(manifests, scenario, file) for file, scenario in scenarios]
    return [
        await _play(manifests, project, scenario, file)
        for (file, scenario), project in zip(scenarios, projects, strict=True)
    ]


def _project(manifests: Manifests, scenario: Scenario, file: Path) -> str:
    known = ", ".join(manifests.projects) or "none"
    if scenario.project and scenario.project not in manifests.projects:
        raise Invalid(f"{file}: project: the manifests have no project {scenario.project!r}; they have: {known}")
    if not scenario.project and len(manifests.projects) != 1:
        raise Invalid(f"{file}: project: say which one is meant; the manifests have: {known}")
    return scenario.project or manifests.projects[0]


async def _play(manifests: Manifests, project: str, scenario: Scenario, file: Path) -> ScenarioReport:
    """Play one scenario; what breaks it is part of its report."""
    report = ScenarioReport(scenario.name, file)
    with tempfile.TemporaryDirectory(prefix="drayage-test-", ignore_cleanup_errors=True) as folder:
        try:
            async with asyncio.timeout(LONGEST), stand(Path(folder), manifests, scenario, file) as here:
                director = Director(Mover(here, project))
                await director.mover.settle()
                for step in scenario.story:
                    began = monotonic()
                    checks = await director.play(step)
                    report.steps.append(StepReport(title(step), tuple(checks), monotonic() - began))
        except DrayageError as error:
            report.broken = str(error)
        except TimeoutError:
            report.broken = f"the scenario was not played within {LONGEST:g} s and was stopped"
    return report


def title(step: Step) -> str:
    """The step's name, else what happens in it."""
    acts = [f"wait {step.wait}"] if step.wait else []
    acts += [f"push {each.message if each.files else each.tag or each.version}" for each in step.push]
    acts += [f"approve for {each.stage}" for each in step.approve]
    acts += [f"promote into {each.stage}" for each in step.promote]
    acts += [f"roll {each.stage} back" for each in step.rollback]
    acts += [f"retry in {each.stage}" for each in step.retry]
    acts += [f"abort in {each.stage}" for each in step.abort]
    return step.name or ", ".join(acts) or "look"
