"""Charts as sources of Applications: from Git, from a chart repository, with values from elsewhere, and updated."""

from datetime import UTC, datetime

import pytest

from blocks.argocd import ArgoCD
from deployments.sandbox.argocd_charts import chart_version
from deployments.sandbox.argocd_helm import Release, filled_in, render_chart, values_of
from deployments.sandbox.argocd_yaml import CannotRender
from deployments.sandbox.chart_repositories import ChartRepositories
from flows.promotion.result import Succeeded
from flows.promotion.steps import STEPS
from tests.deployments.sandbox.conftest import application, eventually
from tests.flows.promotion.steps.argocd_sandbox import attempts
from tests.flows.promotion.workspace import step_context

DEPLOYMENT = """\
{{- /* what runs */ -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {chart: {{ .Chart.Name | quote }}, tier: {{ .Values.tier | default "front" }}}
spec:
  replicas: {{ .Values.replicas }}
  template: {spec: {containers: [{name: app, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"}]}}
"""
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: guestbook\nversion: 0.1.0\n",
    "chart/values.yaml": "replicas: 1\nimage: {repository: acme/web, tag: v1}\n",
    "chart/templates/deployment.yaml": DEPLOYMENT,
    "chart/templates/_helpers.tpl": "{{ define }}",
}
FILES = {path: text.encode() for path, text in CHART.items()}


def created(sandbox, **spec):
    """Create the Application guestbook with other sources."""
    made = application()
    metadata = made["metadata"] | {"annotations": {"kargo.akuity.io/authorized-stage": "shop:test"}}
    rest = {name: value for name, value in made["spec"].items() if name != "source"}
    sandbox.world.applications.create("argocd", made | {"metadata": metadata, "spec": rest | spec}, datetime.now(UTC))


def status(sandbox):
    """The Application's present status."""
    return sandbox.world.applications.get("argocd", "guestbook").get("status") or {}


async def test_parameters_by_a_promotion(sandbox, tmp_path):
    """argocd-update sets the image's parameter of a chart in Git, and the new image runs."""
    url = await sandbox.create_repository("deploy", CHART)
    created(sandbox, source={"repoURL": url, "path": "chart", "targetRevision": "main"})
    argocd = ArgoCD.from_token(sandbox.url, "")

    async def connect():
        return argocd

    ctx = step_context(tmp_path, argocd=connect, actor="")
    source = {"repoURL": url, "helm": {"images": [{"key": "image.tag", "value": "v2"}]}}
    *_, done = await attempts(STEPS["argocd-update"], {"apps": [{"name": "guestbook", "sources": [source]}]}, ctx)
    assert isinstance(done, Succeeded)
    seen = await eventually(lambda: status(sandbox), lambda seen: seen["sync"]["status"] == "Synced")
    assert (seen["summary"]["images"], seen["sourceType"]) == (["acme/web:v2"], "Helm")
    await argocd.close()


async def test_a_chart_with_values_from_git(sandbox):
    """Several sources: a chart of a repository within a range, with a file of values from Git."""
    for version in ("1.0.0", "1.2.0", "2.0.0"):
        charts = await sandbox.create_chart("cache", version)
    url = await sandbox.create_repository("deploy", {"env/values.yaml": "size: 3\n"})
    chart = {"repoURL": charts, "chart": "cache", "targetRevision": "^1.0.0"}
    chart |= {"helm": {"valueFiles": ["$values/env/values.yaml"], "releaseName": "redis"}}
    values = {"repoURL": url, "targetRevision": "main", "ref": "values"}
    created(sandbox, sources=[chart, values], syncPolicy={"automated": {}})
    seen = await eventually(lambda: status(sandbox), lambda seen: seen.get("sync", {}).get("status") == "Synced")
    commit = (await sandbox.world.git.refs("deploy"))["refs/heads/main"]
    assert (seen["sync"]["revisions"], seen["sourceTypes"]) == (["1.2.0", commit], ["Helm", "Directory"])
    assert [each["name"] for each in seen["resources"]] == ["redis"]


def parameter(name, value, **more):
    """A parameter as Applications have it."""
    return {"name": name, "value": value} | more


@pytest.mark.parametrize(
    ("helm", "values"),
    [
        pytest.param({}, {"replicas": 1, "image": {"repository": "acme/web", "tag": "v1"}}, id="its-own"),
        pytest.param({"values": "image: {tag: v3}"}, {"replicas": 1, "image": {"repository": "acme/web", "tag": "v3"}}),
        pytest.param(
            {
                "valuesObject": {"replicas": 2},
                "values": "replicas: 3",
                "parameters": [{"name": "replicas", "value": "4"}],
            },
            {"replicas": 4, "image": {"repository": "acme/web", "tag": "v1"}},
            id="parameters-last",
        ),
        pytest.param(
            {
                "parameters": [
                    {"name": "image.tag", "value": "10", "forceString": True},
                    {"name": "on", "value": "true"},
                ]
            },
            {"replicas": 1, "image": {"repository": "acme/web", "tag": "10"}, "on": True},
            id="texts-and-truths",
        ),
        pytest.param(
            {"valueFiles": ["gone.yaml"], "ignoreMissingValueFiles": True},
            {"replicas": 1, "image": {"repository": "acme/web", "tag": "v1"}},
            id="may-be-missing",
        ),
    ],
)
def test_values(helm, values):
    """Later values win, object by object; parameters are typed as `--set` types them."""
    assert values_of(FILES, "chart", helm, Release()) == values


@pytest.mark.parametrize(
    ("files", "helm", "said"),
    [
        pytest.param({}, {"valueFiles": ["gone.yaml"]}, "'gone.yaml' does not exist", id="values"),
        pytest.param({}, {"parameters": [{"name": "a[0]", "value": "1"}]}, "names with dots only", id="parameter"),
        pytest.param({}, {"values": "- a"}, "helm.values must be an object", id="values-list"),
        pytest.param({"chart/templates/a.yaml": b"{{ range .Values.x }}"}, {}, "knows values", id="range"),
        pytest.param({"chart/templates/a.yaml": b"{{ .Values.image }}"}, {}, "knows values", id="an-object"),
        pytest.param({"chart/Chart.yaml": b"dependencies: [{name: x}]"}, {}, "has dependencies", id="dependencies"),
        pytest.param({"chart/values.yaml": b"a: ["}, {}, "not valid YAML", id="yaml"),
    ],
)
def test_what_is_not_known(files, helm, said):
    """A chart that asks for more than the sandbox knows is a comparison error with a sentence."""
    with pytest.raises(CannotRender, match=said):
        render_chart(FILES | files, "chart", {"helm": helm}, Release())


def test_filling_in():
    """Blanks go where the braces say so; what is missing is empty; quotes are escaped."""
    scope = {"Values": {"a": 'x"y', "n": 0, "no": False}}
    text = "a: {{ .Values.a | quote }}\nb: {{ .Values.gone }}\n{{- /* c */ -}}\nc: "
    text += '{{ .Values.n | default "1" }}{{ .Values.no }}'
    assert filled_in("t", text, scope) == 'a: "x\\"y"\nb: c: 1false'


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("1.0.0", "1.0.0"), ("~1.0", "1.0.3"), ("*", "2.0.0"), ("", "2.0.0"), (">=3", None), ("main!", None)],
)
def test_chart_versions(tmp_path, wanted, found):
    """A version is itself; of a range the newest counts; none is an error."""
    charts = ChartRepositories(tmp_path)
    for version in ("1.0.0", "1.0.3", "2.0.0"):
        charts.add("stable", "cache", version, datetime.now(UTC))
    source = {"repoURL": "http://127.0.0.1/charts/stable", "chart": "cache"}
    if found:
        assert chart_version(charts, source, wanted) == found
    else:
        with pytest.raises(CannotRender):
            chart_version(charts, source, wanted)
    with pytest.raises(CannotRender, match=r"does not exist in https://charts\.example\.com"):
        chart_version(charts, source | {"repoURL": "https://charts.example.com"}, "*")
    with pytest.raises(CannotRender, match="no chart repository"):
        chart_version(charts, source | {"repoURL": "oci://"}, "*")
    charts.add("charts.example.com-acme", "cache", "3.0.0", datetime.now(UTC))
    assert chart_version(charts, source | {"repoURL": "https://charts.example.com/acme"}, "*") == "3.0.0"
