"""Every case of `argocd.json` comes out the same over both ways, asked and patched through a real server."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from blocks import argocd_api
from blocks.errors import DrayageError, Terminal
from flows.promotion.argocd.gather import refresh
from flows.promotion.argocd.health import judge_health
from flows.promotion.result import HEALTH_CHECKS, Succeeded
from flows.promotion.steps import STEPS
from tests.conformance.cases import cases
from tests.conformance.test_argocd import FILE, unordered
from tests.flows.promotion.workspace import step_context

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REFRESH = "argocd.argoproj.io/refresh"
METADATA = ("name", "labels", "annotations")


def of(kind):
    """All cases of one kind that are no accidents of the reference."""
    return [each.values[0] for each in cases(FILE, lambda case: case["op"] == kind) if not each.marks]


@pytest.fixture
async def store(sandbox, monkeypatch):
    """The sandbox's Applications, which nobody reconciles; so no refresh is ever done."""
    monkeypatch.setattr(argocd_api, "REFRESH_SECONDS", 0.02)
    sandbox._work[0].cancel()
    return sandbox.world.applications


def fill(store, case):
    """Let there be exactly the Applications of a case."""
    for item in store.items():
        store.delete(item["metadata"]["namespace"], item["metadata"]["name"], NOW)
    for each in case["applications"]:
        spec = {"project": "default", "destination": {"namespace": "shop"}} | each.get("spec", {})
        rest = {name: value for name, value in each.items() if name not in (*METADATA, "namespace", "spec")}
        metadata = {name: each[name] for name in METADATA if name in each}
        application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
        store.create(each["namespace"], application | rest, NOW)


def key(item):
    """`<namespace>/<name>`."""
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def refreshed(store):
    """Applications that were asked to be refreshed."""
    return [key(item) for item in store.items() if REFRESH in (item["metadata"].get("annotations") or {})]


def started(store, before):
    """What was patched in, as the cases have it; whoever started it is found in the operation, or in its info."""
    found = {}
    for item in store.items():
        operation = item.get("operation") or {}
        if operation and operation != before[key(item)]:
            used = [name for name in ("sources", "source") if item["spec"].get(name)][:1]
            sources = {name: item["spec"][name] for name in used}
            infos = {each["name"]: each["value"] for each in operation["info"]}
            found[key(item)] = (sources, infos.get("Actor", operation["initiatedBy"]["username"]))
    return found


async def attempt(kind, case, argocd, tmp_path):
    """One attempt of a step: how it ends, whether for good, and what it puts out."""

    async def connect(name=None):
        return argocd

    names = {name: case.get(name, "x") for name in ("project", "stage", "promotion", "actor")}
    before = {"healthStatus": case.get("previousHealth", {})}
    ctx = step_context(tmp_path, argocd=connect, previous=before, **names)
    try:
        config = STEPS[kind].Config.model_validate(case["config"])
    except ValidationError:
        return "Failed", True, {}
    try:
        result = await STEPS[kind].run(config, ctx)
    except DrayageError as error:
        return "Errored", isinstance(error, Terminal), {}
    return "Succeeded" if isinstance(result, Succeeded) else "Running", False, result.outputs


def wanted_start(each):
    """A wanted sync, as `started` says one."""
    return {name: value for name, value in each.items() if name != "initiatedBy"}, each["initiatedBy"]["username"]


async def test_update(store, argocd, tmp_path):
    """argocd-update: the same outcome, the same edits, the same operations."""
    wrong = {}
    for case in of("update"):
        fill(store, case)
        before = {key(item): item.get("operation") for item in store.items()}
        status, _, outputs = await attempt("argocd-update", case, argocd, tmp_path)
        want = case["want"]
        seen = [status, started(store, before)]
        expected = [want["status"], {name: wanted_start(each) for name, each in want["synced"].items()}]
        if want["status"] == "Succeeded" and "healthChecks" in want:
            seen.append(unordered(outputs[HEALTH_CHECKS]))
            expected.append(unordered(want["healthChecks"]))
        if seen != expected:
            wrong[case["id"]] = (seen, expected)
    assert wrong == {}


async def test_wait(store, argocd, tmp_path):
    """argocd-wait: the same outcome, the same refreshes, the same health kept for the next attempt."""
    wrong = {}
    for case in of("wait"):
        fill(store, case)
        status, final, outputs = await attempt("argocd-wait", case, argocd, tmp_path)
        want = case["want"]
        seen = [status, final, refreshed(store)]
        expected = [want["status"], want.get("terminal", False), want["refreshed"]]
        if outputs and "healthStatus" in want:
            seen.append(outputs["healthStatus"])
            expected.append(want["healthStatus"])
        if seen != expected:
            wrong[case["id"]] = (seen, expected)
    assert wrong == {}


async def test_health(store, argocd):
    """The health after a promotion: the same verdict, the same refreshes."""
    wrong = {}
    for case in of("health"):
        fill(store, case)
        found = [await argocd.get(check.get("namespace") or "argocd", check["name"]) for check in case["checks"]]
        verdict = judge_health(case["checks"], [each for each in found if each])
        assert await refresh(argocd, verdict.refresh) == []
        seen = {"status": verdict.status, "refreshed": refreshed(store)}
        if seen != case["want"]:
            wrong[case["id"]] = (seen, case["want"])
    assert wrong == {}
