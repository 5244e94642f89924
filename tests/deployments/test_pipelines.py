"""Each pattern of pipelines that is shown works: its scenario comes true, with its manifests as they are."""

from pathlib import Path

import pytest

from deployments.rehearsal.read import read_scenario
from deployments.rehearsal.report import sentence
from deployments.rehearse import rehearse

PIPELINES = Path(__file__).parents[2] / "deployments" / "pipelines"
PATTERNS = sorted(folder.name for folder in PIPELINES.iterdir() if (folder / "scenario.yaml").exists())


def test_every_folder_is_a_pattern():
    """Nothing is shown that is not played; what several use is apart."""
    folders = {folder.name for folder in PIPELINES.iterdir() if folder.is_dir()}
    assert folders - {"shared", "__pycache__"} == set(PATTERNS)
    assert len(PATTERNS) > 10


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_pattern(pattern):
    """The scenario of a pattern comes true, and it expects something at each of its steps."""
    folder = PIPELINES / pattern
    scenario = read_scenario(folder / "scenario.yaml")
    manifests = [str(PIPELINES / "shared"), str(folder / "pipeline.yaml")]
    [report] = await rehearse(manifests, [(folder / "scenario.yaml", scenario)])
    failed = [sentence(check) for step in report.steps for check in step.failed]
    assert (report.broken, failed) == ("", [])
    assert [bool(step.checks) for step in report.steps] == [True] * len(scenario.story)
