"""The example package that brings a step, installed as a user installs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages import installed

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "deployments" / "examples" / "release_notes"

MANIFESTS = """\
apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata: {name: demo}
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {name: main, namespace: demo}
spec:
  subscriptions:
  - image: {repoURL: example.com/app}
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Stage
metadata: {name: test, namespace: demo}
spec:
  requestedFreight:
  - origin: {kind: Warehouse, name: main}
    sources: {direct: true}
  promotionTemplate:
    spec:
      steps:
      - uses: release-notes
        as: notes
        config: CONFIG
"""

RUN = """
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
from deployments.manifests.load import load
from flows.promotion.attempt import attempt
from flows.promotion.kinds import kinds_for
from flows.promotion.result import StepContext

async def run(manifests, work_dir):
    stage = next(each for each in load([manifests], []).definitions if each.kind == "Stage")
    [step] = stage.spec["promotionTemplate"]["spec"]["steps"]
    images = [{"repoURL": "example.com/app", "tag": "1.2.3", "origin": "main"}]
    ctx = StepContext(
        Path(work_dir), "demo", "test", "test.1", "notes", "ann", datetime.now(UTC), None, images=images
    )
    result = await attempt(step, step["config"], ctx, await kinds_for([step]))
    print(json.dumps({"outputs": result.outputs, "message": result.message}))

asyncio.run(run(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package installed."""
    return installed(EXAMPLE, tmp_path_factory)


def run(site, folder, config):
    """Apply and run the step in a process that has the package, or not; returns what came of it, and errors."""
    (folder / "work").mkdir(exist_ok=True)
    manifests = folder / "manifests.yaml"
    manifests.write_text(MANIFESTS.replace("CONFIG", json.dumps(config)))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, [TOP, site])))}
    arguments = [sys.executable, "-c", RUN, str(manifests), str(folder / "work")]
    done = subprocess.run(arguments, env=env, cwd=folder, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def test_the_example_brings_a_step(site, tmp_path):
    """A manifest with its kind is applied as it is, and the step does its work."""
    found, said = run(site, tmp_path, {"path": "out/NOTES.md", "title": "Shop"})
    assert said == ""
    assert found == {"outputs": {"artifacts": 1}, "message": ""}
    assert (tmp_path / "work/out/NOTES.md").read_text() == "# Shop in test\n\n- example.com/app: 1.2.3\n"


def test_it_is_confined(site, tmp_path):
    """The sentence names the package."""
    _, said = run(site, tmp_path, {"path": "../NOTES.md"})
    assert "step kind 'release-notes' of distribution drayage-release-notes 1.0.0" in said
    assert "leads outside the promotion's working directory" in said


def test_a_wrong_config_is_refused_when_it_is_applied(site, tmp_path):
    """By the model of the package, with the place in the file."""
    _, said = run(site, tmp_path, {"title": "x", "to": "y"})
    assert "spec.promotionTemplate.spec.steps[0].config.path" in said
    assert "spec.promotionTemplate.spec.steps[0].config.to: is no field here, expected one of path, title" in said


def test_without_the_package_the_kind_is_refused(tmp_path):
    """With the kinds there are."""
    _, said = run(None, tmp_path, {"path": "x"})
    assert "step kind 'release-notes' is unknown, expected one of argocd-update" in said
