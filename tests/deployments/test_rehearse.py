"""`drayage test`: what fails is told with what was found, in the terminal and in JUnit's XML."""

import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from pydantic import BaseModel

from blocks.errors import Invalid
from deployments.rehearsal.read import read_scenario
from deployments.rehearsal.report import sentence
from deployments.rehearsal.scenario import Scenario
from deployments.rehearse import rehearse

PIPELINES = Path(__file__).parents[2] / "deployments" / "pipelines"
MANIFESTS = [str(PIPELINES / "shared"), str(PIPELINES / "image-updater" / "pipeline.yaml")]
DEPLOY = "https://github.com/acme/deploy.git"
WEB = "ghcr.io/acme/web"


def scenario(folder, *story, name="scenario.yaml", **more):
    """Write a scenario of the image updater and return its file."""
    files = {f"env/{stage}/deployment.yaml": _deployment() for stage in ("test", "prod")}
    content = {"repositories": {DEPLOY: {"files": files}}, "images": {WEB: ["1.0.0"]}, "story": list(story)} | more
    file = folder / name
    file.write_text(yaml.safe_dump(content))
    return file


def _deployment():
    return yaml.safe_dump({"spec": {"template": {"spec": {"containers": [{"image": f"{WEB}:0.9.0"}]}}}})


async def played(*files, manifests=MANIFESTS):
    """Play scenarios and return their reports."""
    return await rehearse(manifests, [(file, read_scenario(file)) for file in files])


def failed(report):
    """What did not come true, as sentences."""
    return [sentence(check) for step in report.steps for check in step.failed]


def drayage_test(*arguments, cwd):
    """Run the command as in CI, with nothing of this machine's Prefect."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "DRAYAGE_"))}
    command = [sys.executable, "-m", "deployments.cli.main", "test", *arguments]
    environment |= {"PYTHONPATH": str(PIPELINES.parents[1]), "HOME": str(cwd), "COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


WRONG = [
    pytest.param({"stages": {"test": "9.9.9"}}, "Stage test runs: expected 9.9.9, found web:1.0.0", id="freight"),
    pytest.param({"stages": {"test": None}}, "Stage test runs: expected nothing, found web:1.0.0", id="no freight"),
    pytest.param({"stages": {"prod": "1.0.0"}}, "Stage prod runs: expected 1.0.0, found nothing", id="empty Stage"),
    pytest.param(
        {"promotions": {"test": "Failed"}},
        "newest promotion into test: expected Failed, found Succeeded",
        id="phase",
    ),
    pytest.param({"promotions": {"prod": "Succeeded"}}, "into prod: expected Succeeded, found none", id="no promotion"),
    pytest.param({"verifications": {"test": "Successful"}}, "expected Successful, found none", id="verification"),
    pytest.param({"verified": {"prod": "1.0.0"}}, "verified in prod: expected 1.0.0, found nothing", id="verified"),
    pytest.param({"freight": {"web": 3}}, "Freight of web: expected 3, found 1: web:1.0.0", id="count"),
    pytest.param({"warehouses": {"web": "broken"}}, "Warehouse web: expected broken, found well", id="warehouse"),
    pytest.param(
        {"gates": {"prod": {"freight": "1.0.0", "because": "rain"}}}, "expected rain, found", id="another reason"
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "path": "env/test/deployment.yaml", "contains": ["web:2.0.0"]}]},
        "expected contains 'web:2.0.0', found spec:",
        id="contains",
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "path": "env/test/deployment.yaml", "lacks": ["web:1.0.0"]}]},
        "expected lacks 'web:1.0.0', found spec:",
        id="lacks",
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "path": "env/test/deployment.yaml", "equals": "a"}]},
        "expected a, found spec:",
        id="equals",
    ),
    pytest.param(
        {
            "files": [
                {
                    "repository": DEPLOY,
                    "path": "env/test/deployment.yaml",
                    "yaml": {"spec.template.spec.containers.0.image": "b", "spec.none": 1},
                }
            ]
        },
        f"spec.template.spec.containers.0.image: expected b, found {WEB}:1.0.0",
        id="yaml",
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "path": "nowhere.yaml"}]},
        "found no such file; there are: env/prod/deployment.yaml, env/test/deployment.yaml",
        id="no file",
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "path": "env/test/deployment.yaml", "exists": False}]},
        "expected no such file, found a file",
        id="a file too many",
    ),
    pytest.param(
        {"files": [{"repository": DEPLOY, "branch": "stage/test", "path": "a"}]},
        f"found no branch 'stage/test' in {DEPLOY}",
        id="no branch",
    ),
    pytest.param(
        {"commits": [{"repository": DEPLOY, "message": "nobody"}]}, "expected nobody, found test", id="message"
    ),
    pytest.param(
        {"commits": [{"repository": DEPLOY, "trailers": {"Drayage-Stage": "prod"}}]},
        "Drayage-Stage: expected prod, found test",
        id="trailer",
    ),
    pytest.param({"commits": [{"repository": DEPLOY, "author": "Ada"}]}, "author: expected Ada, found", id="author"),
    pytest.param({"commits": [{"repository": DEPLOY, "count": 7}]}, "expected 7, found 2", id="commits"),
    pytest.param({"commits": [{"repository": DEPLOY, "branch": "gone"}]}, "found no such branch", id="branch"),
    pytest.param({"pullRequests": [{"repository": DEPLOY}]}, "expected open, found none", id="pull request"),
    pytest.param({"applications": {"web": {"health": "Healthy"}}}, "found none of that name", id="application"),
]


async def test_whatever_is_not_so_is_told(tmp_path):
    """Every kind of expectation can fail, and says what was found instead."""
    file = scenario(tmp_path, *({"expect": each.values[0]} for each in WRONG))
    [report] = await played(file)
    assert (report.broken, report.passed) == ("", False)
    for each, step in zip(WRONG, report.steps, strict=True):
        said = "\n".join(map(sentence, step.failed))
        assert each.values[1] in said, each.id


async def test_people_who_are_not_refused(tmp_path):
    """A refusal that is expected and does not come is a failure, and so is one that comes unexpectedly."""
    first = {"promote": [{"stage": "test", "freight": "1.0.0", "refused": "never"}]}
    second = {"promote": [{"stage": "prod", "freight": "1.0.0"}]}
    third = {"say": [{"stage": "prod"}], "merge": [{"repository": DEPLOY}]}
    [report] = await played(scenario(tmp_path, first, second, third))
    said = failed(report)
    assert "promote 1.0.0 into test: expected never, found it was not refused" in said[0]
    assert "promote 1.0.0 into prod: expected done, found" in said[1] and "soaks in 'test'" in said[1]
    assert "no promotion into Stage 'prod' waits for people" in said[2]
    assert "has no open pull request" in said[3]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        pytest.param({"expect": {"stages": {"moon": None}}}, "no Stage 'moon'", id="unknown Stage"),
        pytest.param({"expect": {"warehouses": {"moon": ""}}}, "no Warehouse 'moon'", id="unknown Warehouse"),
        pytest.param({"metrics": {"sum(up)": 1}}, "'sum(up)' is no instant vector selector", id="no series"),
        pytest.param(
            {"push": [{"repository": "https://github.com/acme/other.git", "files": {"a": "b"}}]},
            "no Git repository 'acme/other'",
            id="unknown repository",
        ),
        pytest.param(
            {"expect": {"gates": {"prod": {"freight": "8", "because": "x"}}}},
            "there is no Freight with '8'; there are: web:1.0.0",
            id="unknown Freight",
        ),
    ],
)
async def test_a_story_that_cannot_be_told(tmp_path, step, sentence):
    """What does not exist breaks the story off with a sentence; steps before it are kept."""
    [report] = await played(scenario(tmp_path, {"expect": {"freight": {"web": 1}}}, step, {"name": "never played"}))
    assert sentence in report.broken
    assert len(report.steps) == 1 and not report.passed


async def test_nothing_leaves(tmp_path):
    """An address that the scenario does not name is not asked: the Warehouse says so, and nothing is promoted."""
    file = scenario(tmp_path, {"expect": {"warehouses": {"web": "leads out of the world"}}}, images={})
    [report] = await played(file)
    assert failed(report) == []
    assert report.passed


async def test_a_repository_that_is_not_named_fails_the_promotion(tmp_path):
    """Git is kept inside just as well."""
    step = {"expect": {"promotions": {"test": {"phase": "Errored", "message": "leads out of the world"}}}}
    [report] = await played(scenario(tmp_path, step, repositories={}))
    assert failed(report) == []


async def test_a_pipeline_that_chases_itself(tmp_path):
    """Promotions whose commits are new Freight never come to rest, and the report says why."""
    pipeline = (PIPELINES / "same-branch" / "pipeline.yaml").read_text()
    pipeline = pipeline.replace("includePaths: [base]", "includePaths: [base, env]")
    pipeline = pipeline.replace('imageFrom("ghcr.io/acme/web").Tag', f'commitFrom("{DEPLOY}").ID')
    (tmp_path / "pipeline.yaml").write_text(pipeline)
    files = {"base/deployment.yaml": _deployment()}
    file = scenario(tmp_path, {"name": "look"}, repositories={DEPLOY: {"files": files}})
    [report] = await played(file, manifests=[str(PIPELINES / "shared"), str(tmp_path / "pipeline.yaml")])
    assert "did not come to rest" in report.broken and "includePaths" in report.broken


async def test_nothing_is_left(tmp_path, monkeypatch):
    """Folders are removed, and no port stays open."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bound = []
    bind = socket.socket.bind

    def noted(self, address):
        bind(self, address)
        bound.append(self.getsockname())

    monkeypatch.setattr(socket.socket, "bind", noted)
    [report] = await played(scenario(tmp_path, {"expect": {"stages": {"test": "1.0.0"}}}))
    assert report.passed
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]
    served = [address for address in bound if address[0] == "127.0.0.1"]
    assert served
    for address in served:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=2)


BAD = [
    pytest.param("story: [{nmae: x}]", "story[0].nmae: is no key of a scenario", id="unknown key"),
    pytest.param("", "holds no scenario", id="empty"),
    pytest.param("- 1", "holds no scenario", id="a list"),
    pytest.param("story: []", "story: List should have at least 1 item", id="no story"),
    pytest.param(
        "images: {a: [1.10]}\nstory: [{name: x}]", "images.a[0]: Input should be a valid string", id="a float"
    ),
    pytest.param("story: [{wait: soon}]", "'soon' is not a duration", id="no duration"),
    pytest.param("story: [{push: [{image: a}]}]", "an image needs a tag", id="no tag"),
    pytest.param("story: [{push: [{image: a, tag: b, chart: c}]}]", "exactly one of repository", id="two things"),
    pytest.param("story: [{expect: {promotions: {a: Done}}}]", "story[0].expect.promotions.a", id="no phase"),
    pytest.param(
        "beginsAt: 2026-01-05T09:00:00\nstory: [{name: x}]", "beginsAt: Input should have timezone", id="time"
    ),
    pytest.param("story: [", ":1: is not YAML", id="no YAML"),
    pytest.param("\x00", "is not YAML", id="no text"),
    pytest.param(None, "cannot be read: No such file", id="no file"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_scenarios_that_cannot_be_read(tmp_path, text, sentence):
    """A scenario that is none is refused with its file and the place in it."""
    file = tmp_path / "scenario.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Invalid) as raised:
        read_scenario(file)
    assert sentence in str(raised.value) and str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        pytest.param({"repositories": {DEPLOY: "./nowhere"}}, "there is no folder", id="no folder"),
        pytest.param({"repositories": {"nothing": "."}}, "names no repository", id="no URL"),
        pytest.param({"images": {WEB: [], "quay.io/acme/web": []}}, "would both be 'acme/web'", id="same path"),
        pytest.param({"charts": {"charts": {}}}, "no address of a chart repository", id="no chart repository"),
        pytest.param({"applications": ["none.yaml"]}, "cannot read", id="no applications"),
        pytest.param({"applications": ["scenario.yaml"]}, "is no Application", id="other applications"),
    ],
)
async def test_worlds_that_cannot_be_made(tmp_path, more, sentence):
    """A world that cannot be furnished breaks the scenario with a sentence."""
    [report] = await played(scenario(tmp_path, {"name": "look"}, **more))
    assert sentence in report.broken and not report.passed


async def test_charts_and_tags_and_metrics(tmp_path):
    """Charts, Git tags and images are pushed over time, and Freight is chosen of what is there."""
    (tmp_path / "pipeline.yaml").write_text(
        "apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata: {name: p}\n---\n"
        "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {name: w, namespace: p}\nspec:\n"
        "  subscriptions:\n"
        "  - chart: {repoURL: 'https://charts.acme.example/stable', name: app, semverConstraint: ^1.0.0}\n"
        "  - git: {repoURL: 'https://git.acme.example/acme/src', commitSelectionStrategy: SemVer}\n"
    )
    url, charts = "https://git.acme.example/acme/src", "https://charts.acme.example/stable"
    file = scenario(
        tmp_path,
        {"expect": {"freight": {"w": 0}, "warehouses": {"w": "no"}}},
        {"push": [{"repository": url, "tag": "v1.0.0"}], "expect": {"freight": {"w": 1}, "warehouses": {"w": ""}}},
        {
            "push": [
                {"chart": charts, "name": "app", "version": "1.2.0"},
                {"repository": url, "files": {"a": "c"}, "message": "More", "tag": "v1.1.0"},
            ],
            "expect": {"freight": {"w": 2}},
        },
        repositories={url: {"files": {"a": "b"}}},
        charts={charts: {"app": ["1.0.0", "2.0.0"]}},
        images={},
    )
    [report] = await played(file, manifests=[str(tmp_path / "pipeline.yaml")])
    assert (report.broken, failed(report)) == ("", [])


ASKING = """
- uses: wait-for-approval
  config: {minApprovals: 2}
- uses: get-user-input
  as: ask
  config:
    schema: {type: object, properties: {count: {type: integer}}, required: [count]}
- uses: fail
  if: ${{ outputs.ask.values.count > 3 }}
  config: {message: too many}
"""


async def test_people_are_played(tmp_path):
    """Steps that ask people wait until the scenario says what they answer; the promotion goes on from there."""
    pipeline = (PIPELINES / "image-updater" / "pipeline.yaml").read_text()
    task = "- task:\n          name: update-image\n"
    asking = textwrap.indent(ASKING.strip(), " " * 6)[6:] + "\n"
    (tmp_path / "pipeline.yaml").write_text(pipeline.replace(task, asking, 1))

    def said(promotion, *answers):
        return {
            "say": [{"stage": "test", **each} for each in answers],
            "expect": {"promotions": {"test": promotion}, "stages": {"test": None}},
        }

    file = scenario(
        tmp_path,
        said({"phase": "Running", "message": "0 of 2 approved"}),
        said({"phase": "Running", "message": "1 of 2 approved"}, {"by": "Ada"}),
        said({"phase": "Running", "message": "step"}, {"by": "Grace"}),
        said({"phase": "Failed", "message": "too many"}, {"values": {"count": 7}}),
    )
    [report] = await played(file, manifests=[MANIFESTS[0], str(tmp_path / "pipeline.yaml")])
    assert (report.broken, failed(report)) == ("", [])


def test_the_command(tmp_path):
    """Two scenarios in one run: exit 1 for the one that fails, told in the terminal and in JUnit's XML."""
    good = scenario(tmp_path, {"expect": {"stages": {"test": "1.0.0"}}}, name="good.yaml")
    wrong = {"name": "Too <much>", "expect": {"stages": {"test": "9.9.9"}}}
    bad = scenario(tmp_path, wrong, {"name": "fine", "expect": {"freight": {"web": 1}}}, name="bad.yaml")
    given = [word for path in MANIFESTS for word in ("-f", path)]
    done = drayage_test(*given, "--scenario", str(good), "--scenario", str(bad), "--junit", "out.xml", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "✗" in done.stdout and "9.9.9" in done.stdout and "web:1.0.0" in done.stdout
    assert "2 scenarios, 1 failed" in done.stdout
    suites = ElementTree.fromstring((tmp_path / "out.xml").read_text()).findall("testsuite")
    assert [(each.get("tests"), each.get("failures"), each.get("errors")) for each in suites] == [
        ("1", "0", "0"),
        ("2", "1", "0"),
    ]
    [failure] = suites[1].iter("failure")
    assert failure.get("message") == "Stage test runs: expected 9.9.9, found web:1.0.0"
    assert [case.get("name") for case in suites[1].iter("testcase")] == ["1. Too <much>", "2. fine"]
    assert done.stderr == ""


def test_the_command_used_wrongly(tmp_path):
    """A scenario that cannot be read is wrong use: exit 2 and one sentence with the file, before anything is played."""
    good = scenario(tmp_path, {"name": "look"}, name="good.yaml")
    (tmp_path / "bad.yaml").write_text("story: [{nmae: x}]")
    done = drayage_test("-f", MANIFESTS[0], "--scenario", str(good), "--scenario", "bad.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: bad.yaml: story[0].nmae: is no key of a scenario\n")
    assert drayage_test("-f", MANIFESTS[0], cwd=tmp_path).returncode == 2


def test_manifests_that_are_wrong(tmp_path):
    """Manifests that could not be applied fail with all their problems: exit 1."""
    file = scenario(tmp_path, {"name": "look"})
    (tmp_path / "pipeline.yaml").write_text("kind: Stage\n")
    done = drayage_test("-f", "pipeline.yaml", "--scenario", str(file), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ") and "pipeline.yaml:1" in done.stderr


def _described(model):
    """Every model that a scenario is made of, by its fields."""
    yield model
    for field in model.model_fields.values():
        for part in _models(field.annotation):
            yield from _described(part)


def _models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]


@pytest.mark.parametrize("model", dict.fromkeys(_described(Scenario)), ids=lambda model: model.__name__)
def test_every_key_is_described(model):
    """docs/testing.md has a row for every key of a scenario, with its meaning."""
    text = (PIPELINES.parents[1] / "docs" / "testing.md").read_text()
    keys = {field.alias or name: field.description for name, field in model.model_fields.items()}
    assert [key for key, meaning in keys.items() if f"| `{key}` | {meaning}" not in text] == []


def test_every_pattern_is_described():
    """docs/patterns.md leads to every pattern."""
    text = (PIPELINES.parents[1] / "docs" / "patterns.md").read_text()
    patterns = [file.parent.name for file in PIPELINES.glob("*/scenario.yaml")]
    assert [name for name in patterns if f"(../deployments/pipelines/{name}/pipeline.yaml)" not in text] == []


async def test_windows_open_by_the_clock_of_the_scenario(tmp_path):
    """What is asked for while a window is closed waits, and goes on by itself when it opens."""
    windows = {
        "apiVersion": "kargo.akuity.io/v1alpha1",
        "kind": "ClusterConfig",
        "metadata": {"name": "cluster"},
        "spec": {
            "promotionWindows": [
                {
                    "name": "mornings",
                    "kind": "Deny",
                    "rrule": "FREQ=DAILY",
                    "dtstart": "20260101T080000Z",
                    "dtend": "20260101T110000Z",
                }
            ]
        },
    }
    file = tmp_path / "windows.yaml"
    file.write_text(yaml.safe_dump(windows))
    held = {"expect": {"gates": {"test": {"freight": "1.0.0", "because": "'mornings' until Mon 11:00 UTC"}}}}
    closed = {
        "promote": [{"stage": "test", "freight": "1.0.0"}],
        "expect": {
            "stages": {"test": None},
            "promotions": {"test": "Pending"},
            "gates": {"test": {"freight": "1.0.0", "because": "already on its way"}},
        },
    }
    opened = {"wait": "2h", "expect": {"stages": {"test": "1.0.0"}}}
    [report] = await played(scenario(tmp_path, held, closed, opened), manifests=[*MANIFESTS, str(file)])
    assert failed(report) == []
