"""Everything wrong with manifests is reported at once, with line, document and path."""

import pytest

from blocks.ledger.records import Definition
from deployments.manifests.load import load
from deployments.manifests.problem import ManifestError
from flows.promotion.steps import STEPS
from tests.deployments.manifests.report import PROJECT, WAREHOUSE, report

KINDS = (
    "Project, ProjectConfig, ClusterConfig, Warehouse, Stage, Target, PromotionTask, ClusterPromotionTask, "
    "AnalysisTemplate, ClusterAnalysisTemplate, StagePolicy, Secret, ConfigMap"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a: 1\n", [f"stdin:1: document 1: kind: is missing, expected one of {KINDS}, add it"], id="no-kind"
        ),
        pytest.param(
            "apiVersion: v1\nkind: Pod\n",
            [f"stdin:2: document 1 (Pod): kind: is 'Pod', expected one of {KINDS}, correct or remove it"],
            id="unknown-kind",
        ),
        pytest.param(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: EventRouter\nmetadata: {name: all}\n",
            ["stdin:2: document 1 (EventRouter/all): kind: EventRouter is not available yet; remove it"],
            id="kind-not-yet",
        ),
        pytest.param(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: ClusterConfig\nmetadata: {name: mine}\nspec:\n"
            "  gitClient: {name: Ann, email: ' '}\n",
            [
                "stdin:3: document 1 (ClusterConfig/mine): metadata.name: is 'mine', expected 'cluster', "
                "there is only one: rename it",
                "stdin:5: document 1 (ClusterConfig/mine): spec.gitClient.email: this stands in commits, on one line "
                "and without angle brackets",
            ],
            id="cluster-config",
        ),
        pytest.param(
            "apiVersion: kargo.akuity.io/v1\nkind: Project\nmetadata: {name: demo}\n",
            [
                "stdin:1: document 1 (Project/demo): apiVersion: is 'kargo.akuity.io/v1', "
                "expected 'kargo.akuity.io/v1alpha1' for kind Project, write that"
            ],
            id="api-version",
        ),
        pytest.param(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata: {name: Demo, namespace: x}\nspce: {}\n",
            [
                "stdin:3: document 1 (Project/Demo): metadata.name: is 'Demo', expected lower-case letters, digits and "
                "'-', a letter or digit at both ends, rename it",
                "stdin:3: document 1 (Project/Demo): metadata.namespace: is given, expected none, "
                "a Project is in no project: remove it",
                "stdin:4: document 1 (Project/Demo): spce: is no field here, expected one of "
                "apiVersion, kind, metadata, status, spec, remove it",
            ],
            id="envelope",
        ),
        pytest.param(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata: {name: demo}\n"
            "spec: {promotionPolicies: [{stage: test}]}\n",
            [
                "stdin:4: document 1 (Project/demo): spec: a Project has no spec; "
                "put promotionPolicies into a ProjectConfig of the project"
            ],
            id="project-spec",
        ),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: nowhere}\ndata: {x: 1}\n",
            ["stdin:4: document 1 (ConfigMap/a): data.x: is no string, expected one, put it in quotes"],
            id="config-map",
        ),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: nowhere}\ndata: {x: '1'}\n",
            [
                "stdin:3: document 1 (ConfigMap/a): metadata.namespace: Project 'nowhere' does not exist, "
                "and there is none, add it or correct the name"
            ],
            id="unknown-project",
        ),
    ],
)
def test_objects(text, expected):
    """Kinds, versions, names and keys."""
    assert report(text) == expected


def _warehouse(subscription, more=""):
    return f"""{PROJECT}---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {{name: main, namespace: demo}}
spec:
{more}  subscriptions:
{subscription}"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            _warehouse("  - image: {repoURL: ghcr.io/acme/app, constriant: ^1}\n  - git: {repoURL: 5}\n"),
            [
                "10: spec.subscriptions[0].image.constriant: is no field here, expected one of allowTags, "
                "allowTagsRegexes, cacheByTag, constraint, discoveryLimit, ignoreTags, ignoreTagsRegexes, "
                "imageSelectionStrategy, insecureSkipTLSVerify, platform, repoURL, strictSemvers, "
                "did you mean 'constraint'?",
                "11: spec.subscriptions[1].git.repoURL: is 5, expected a string, put it in quotes",
            ],
            id="unknown-key-and-wrong-type",
        ),
        pytest.param(
            _warehouse(
                "  - image: {repoURL: ghcr.io/acme/app, imageSelectionStrategy: Newest, strictSemvers: 'true'}\n"
                "  - image: {discoveryLimit: 0}\n"
            ),
            [
                "10: spec.subscriptions[0].image.imageSelectionStrategy: is 'Newest', expected "
                "'SemVer', 'Lexical', 'Digest' or 'NewestBuild', write one of these",
                "10: spec.subscriptions[0].image.strictSemvers: is 'true', "
                "expected true or false, write it without quotes",
                "11: spec.subscriptions[1].image.discoveryLimit: is 0, "
                "expected how many results are kept, correct it: greater than or equal to 1",
                "11: spec.subscriptions[1].image.repoURL: is missing, "
                "expected where the repository is, without tag, add it",
            ],
            id="values",
        ),
        pytest.param(
            _warehouse(
                "  - git: {repoURL: https://git.example/acme/App.git}\n"
                "  - git: {repoURL: https://me@GIT.example/acme/app}\n"
            ),
            [
                "11: spec.subscriptions[1]: watches Git repository https://git.example/acme/app, "
                "as subscriptions[0] does, expected each repository once, change or remove one"
            ],
            id="one-repository-twice",
        ),
        pytest.param(
            _warehouse(
                "  - name: app\n    image: {repoURL: docker.io/library/nginx}\n"
                "  - name: app\n    image: {repoURL: nginx}\n"
            ),
            [
                "12: spec.subscriptions[1]: watches image repository nginx, "
                "as subscriptions[0] does, expected each repository once, change or remove one",
                "12: spec.subscriptions[1].name: is 'app', "
                "as that of subscriptions[0], expected each name once, change or remove one",
            ],
            id="names-and-images-twice",
        ),
        pytest.param(
            _warehouse(
                "  - image: {repoURL: a.io/b, allowTagsRegexes: ['('], imageSelectionStrategy: Lexical}\n",
                "  interval: soon\n",
            ),
            [
                "9: spec.interval: 'soon' is not a duration: write numbers with units, such as 90s, 5m or 1h30m",
                "11: spec.subscriptions[0].image.allowTagsRegexes[0]: '(' is no RE2 regular expression: missing ): (",
            ],
            id="interval-and-pattern",
        ),
    ],
)
def test_warehouses(text, expected):
    """Subscriptions are validated field by field and against each other."""
    prefix = "stdin:{}: document 2 (Warehouse/main): {}"
    assert report(text) == [prefix.format(*line.split(": ", 1)) for line in expected]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (_warehouse("  - image: {repoURL: a.io/b, constraint: '^abc'}\n"), "spec.subscriptions[0].image.constraint"),
        (
            _warehouse(
                "  - git: {repoURL: https://a.io/b, commitSelectionStrategy: SemVer, semverConstraint: '>>1'}\n"
            ),
            "spec.subscriptions[0].git.semverConstraint",
        ),
        (
            _warehouse("  - git: {repoURL: https://a.io/b, includePaths: [a, 'glob:[']}\n"),
            "spec.subscriptions[0].git.includePaths[1]",
        ),
        (_warehouse("  - image: {repoURL: a.io/b, allowTags: x}\n"), "spec.subscriptions[0].image.allowTags"),
        (
            _warehouse("  - chart: {repoURL: 'https://a.io', name: b, semverConstraint: '>>1'}\n"),
            "spec.subscriptions[0].chart.semverConstraint",
        ),
        (
            _warehouse("  - chart: {repoURL: 'https://ana:pw@a.io', name: b}\n"),
            "spec.subscriptions[0].chart.repoURL",
        ),
        (_warehouse("  - chart: {repoURL: 'oci://a.io/b c'}\n"), "spec.subscriptions[0].chart.repoURL"),
    ],
    ids=["image-range", "git-range", "path-pattern", "removed-field", "chart-range", "chart-password", "chart-url"],
)
def test_what_cannot_be_discovered(text, path):
    """Ranges and patterns that do not parse are one problem each, at their own path."""
    (line,) = report(text)
    assert line.startswith(f"stdin:10: document 2 (Warehouse/main): {path}: ")


def test_problems_of_one_object_hide_no_others():
    """An object with problems still exists for those that name it, and what is not available yet hides nothing."""
    stage = _stage("main", "direct: true")
    text = _warehouse("  - image: {repoURL: a.io/b, allowTags: x, constraint: '^abc'}\n") + stage
    assert [line.split(": ")[2] for line in report(text)] == [
        "spec.subscriptions[0].image.allowTags",
        "spec.subscriptions[0].image.constraint",
    ]
    assert [line.split(": ")[2] for line in report(_warehouse("  - image: {repoURL: 5}\n") + stage)] == [
        "spec.subscriptions[0].image.repoURL"
    ]


def _stage(warehouse, sources, name="prod", more=""):
    return f"""---
apiVersion: kargo.akuity.io/v1alpha1
kind: Stage
metadata: {{name: {name}, namespace: demo}}
spec:
  requestedFreight:
  - origin: {{kind: Warehouse, name: {warehouse}}}
    sources: {{{sources}}}
{more}"""


def _steps(steps):
    return (
        PROJECT
        + WAREHOUSE
        + _stage("main", "direct: true", more=f"  promotionTemplate:\n    spec:\n      steps:\n{steps}")
    )


TASK = """---
apiVersion: kargo.akuity.io/v1alpha1
kind: PromotionTask
metadata: {name: roll, namespace: demo}
spec:
  vars: [{name: url}]
  steps:
  - uses: fail
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            PROJECT + WAREHOUSE + _stage("mian", "stages: [uat]"),
            [
                "17: spec.requestedFreight[0].origin.name: Warehouse 'mian' does not exist in project 'demo', "
                "expected one of main, add it or correct the name",
                "18: spec.requestedFreight[0].sources.stages[0]: Stage 'uat' does not exist in project 'demo', "
                "expected one of prod, add it or correct the name",
            ],
            id="unknown-references",
        ),
        pytest.param(
            PROJECT
            + WAREHOUSE
            + _stage("main", "direct: true", more="  verification: {analysisTemplates: [{name: smoke}]}\n"),
            [
                "19: spec.verification.analysisTemplates[0].name: AnalysisTemplate 'smoke' does not exist in project "
                "'demo', and there is none, add it or correct the name"
            ],
            id="unknown-template",
        ),
        pytest.param(
            PROJECT
            + WAREHOUSE
            + _stage(
                "main", "direct: true", more="  targets: {selectors: [{name: eu}, {matchLabels: {}}], all: true}\n"
            ),
            [
                "19: spec.targets.all: is no field here, expected one of selectors, remove it",
                "19: spec.targets.selectors[0].name: is no field here, expected one of matchExpressions, matchLabels, "
                "remove it",
            ],
            id="targets",
        ),
        pytest.param(
            _steps("      - uses: jira\n      - uses: yaml-updaet\n      - task: {name: nope}\n"),
            [
                "22: spec.promotionTemplate.spec.steps[0].uses: step kind 'jira' is not available yet, "
                "expected one of STEPS, use one of these",
                "23: spec.promotionTemplate.spec.steps[1].uses: step kind 'yaml-updaet' is unknown, "
                "expected one of STEPS, did you mean 'yaml-update'?",
                "24: spec.promotionTemplate.spec.steps[2].task.name: PromotionTask 'nope' does not exist in project "
                "'demo', and there is none, add it or correct the name",
            ],
            id="step-kinds",
        ),
        pytest.param(
            _steps("      - {uses: fail, as: step-1}\n      - {uses: fail, as: x}\n      - {uses: fail, as: x}\n"),
            [
                "22: spec.promotionTemplate.spec.steps[0].as: "
                "aliases such as step-1 and task-1 are reserved for steps without one",
                "24: spec.promotionTemplate.spec.steps[2].as: alias 'x' is already that of steps[1]",
            ],
            id="aliases",
        ),
        pytest.param(
            _steps(
                "      - uses: yaml-update\n        config: {path: a.yaml, updates: [{key: 5, value: x}], file: b}\n"
            ),
            [
                "23: spec.promotionTemplate.spec.steps[0].config.file: "
                "is no field here, expected one of path, updates, remove it",
                "23: spec.promotionTemplate.spec.steps[0].config.updates[0].key: "
                "is 5, expected a string, put it in quotes",
            ],
            id="config",
        ),
        pytest.param(
            _steps("      - uses: yaml-update\n        config: {path: '${{ vars.x }}'}\n"),
            [],
            id="config-with-expression",
        ),
        pytest.param(
            _steps("      - task: {name: roll}\n        if: ${{ true }}\n") + TASK,
            [
                "22: spec.promotionTemplate.spec.steps[0].vars: "
                "step 'task-1' must give a value for url, required by task 'roll'",
                "23: spec.promotionTemplate.spec.steps[0].if: a step that refers to a task has only 'as' and 'vars'",
            ],
            id="task-step",
        ),
    ],
)
def test_stages(text, expected):
    """References, steps and their settings."""
    prefix = "stdin:{}: document 3 (Stage/prod): {}"
    expected = [line.replace("STEPS", ", ".join(sorted(STEPS))) for line in expected]
    assert report(text) == [prefix.format(*line.split(": ", 1)) for line in expected]


def test_freight_must_not_go_in_circles():
    """A circle is reported once, with its way."""
    text = PROJECT + WAREHOUSE + _stage("main", "stages: [b]", "a") + _stage("main", "stages: [a]", "b")
    assert report(text) == [
        "stdin:16: document 3 (Stage/a): spec.requestedFreight: "
        "Freight goes in circles (a → b → a), expected one direction, remove one of these sources"
    ]


def test_tasks_do_not_nest():
    """A task's steps each use a step kind."""
    nested = TASK.replace("uses: fail", "task: {name: roll}")
    assert report(PROJECT + nested) == [
        "stdin:11: document 2 (PromotionTask/roll): spec.steps[0].task: "
        "tasks do not nest: a task's steps each use a step kind"
    ]


def test_one_object_defined_twice():
    """The second definition is the problem and names the first."""
    assert report(PROJECT + WAREHOUSE + WAREHOUSE) == [
        "stdin:14: document 3 (Warehouse/main): metadata.name: "
        "Warehouse 'main' is defined twice, first at stdin:5, expected once, remove one"
    ]


CONFIG = """---
apiVersion: kargo.akuity.io/v1alpha1
kind: ProjectConfig
metadata: {name: demo, namespace: demo}
spec:
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            "  promotionPolicies:\n  - stageSelector: {name: 'regex:('}\n",
            ["10: spec.promotionPolicies[0].stageSelector.name: '(' is no RE2 regular expression: missing ): ("],
            id="pattern",
        ),
        pytest.param(
            "  promotionPolicies:\n  - {stage: a}\n  - stageSelector: {name: a}\n",
            ["8: spec: promotionPolicies name Stage 'a' more than once"],
            id="name-twice",
        ),
        pytest.param(
            "  promotionPolicies:\n  - {stage: a, autoRollback: {onPromotion: [Failed]}}\n"
            "  webhookReceivers:\n  - {name: gh, github: {secretRef: {name: s}}}\n"
            "  freightLinks: [{title: t, url: u}]\n  stageLinks: [{title: t, url: u}]\n"
            "  promotionWindows:\n  - {name: w, kind: Deny, dtstart: a, dtend: '20260101'}\n"
            "  - {name: x, kind: Allow, dtstart: '20260102', dtend: '20260101'}\n"
            "  - {name: z, kind: Allow, dtstart: '20260101', dtend: '20260102', rrule: FREQ=DALY}\n",
            [
                "11: spec.webhookReceivers: webhook receivers are not available yet; remove the field",
                "13: spec.freightLinks: links beside Freight are not available yet; remove the field",
                "14: spec.stageLinks: links beside Stages are not available yet; remove the field",
                "16: spec.promotionWindows[0].dtstart: 'a' is no iCalendar time, expected such as "
                "TZID=Europe/Berlin:20260102T180000; write that",
                "17: spec.promotionWindows[1].dtend: ends at '20260101', which is not after its start '20260102'; "
                "correct one of them",
                "18: spec.promotionWindows[2].rrule: rrule 'FREQ=DALY' needs a FREQ of YEARLY, MONTHLY, WEEKLY, "
                "DAILY, HOURLY; correct it",
            ],
            id="not-yet",
        ),
        pytest.param(
            "  webhookReceivers:\n  - {name: gh, github: {secretRef: {nam: s}}}\n",
            [
                "10: spec.webhookReceivers[0].github.secretRef.nam: is no field here, expected one of name, "
                "did you mean 'name'?",
                "10: spec.webhookReceivers[0].github.secretRef.name: is missing, expected name of the Secret, add it",
            ],
            id="shape-of-what-is-not-yet",
        ),
    ],
)
def test_project_configs(spec, expected):
    """Policies are checked; what does not work yet is refused with a sentence, never ignored."""
    prefix = "stdin:{}: document 2 (ProjectConfig/demo): {}"
    assert report(PROJECT + CONFIG + spec) == [prefix.format(*line.split(": ", 1)) for line in expected]


def test_a_project_config_is_named_for_its_project():
    """Its name and its namespace are the project's."""
    assert report(PROJECT + CONFIG.replace("name: demo,", "name: config,") + "  promotionPolicies: []\n") == [
        "stdin:7: document 2 (ProjectConfig/config): metadata.name: "
        "is 'config', expected 'demo', a ProjectConfig is named for its project"
    ]


def test_problems_of_all_files_come_together(tmp_path):
    """One report, sorted by file and line."""
    (tmp_path / "b.yaml").write_text("kind: Nope\n")
    (tmp_path / "a.yaml").write_text("a: [\n---\nkind: Freight\n")
    with pytest.raises(ManifestError) as failure:
        load([str(tmp_path)], [])
    places = [(problem.file.rpartition("/")[2], problem.line) for problem in failure.value.problems]
    assert places == [("a.yaml", 2), ("a.yaml", 3), ("b.yaml", 1)]


def test_what_the_ledger_has_can_be_named():
    """References may lead to what was applied before, but not to what pruning removes."""
    there = [
        Definition("Project", "", "demo", {}),
        Definition("Warehouse", "demo", "main", {"spec": {"subscriptions": [{"image": {"repoURL": "a.io/b"}}]}}),
    ]
    stage = _stage("main", "direct: true")
    assert report(stage, there) == []
    assert report(stage, there, prune=True) == [
        "stdin:7: document 1 (Stage/prod): spec.requestedFreight[0].origin.name: "
        "Warehouse 'main' does not exist in project 'demo', and there is none, add it or correct the name"
    ]
