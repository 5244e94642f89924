"""Argo CD's rules hold for every case of `argocd.json`."""

from typing import Any

import pytest
from pydantic import ValidationError

from blocks.errors import Terminal
from flows.promotion.argocd.authorization import authorized
from flows.promotion.argocd.health import judge_health
from flows.promotion.argocd.selection import key
from flows.promotion.argocd.update import Promoting, UpdateConfig, decide_update
from flows.promotion.argocd.wait import WaitConfig, decide_wait
from tests.conformance.cases import Case, cases

FILE = "argocd.json"


def op(name: str) -> list[Any]:
    return cases(FILE, lambda case: case["op"] == name)


def applications(case: Case) -> list[dict[str, Any]]:
    """The cut-down Applications of a case as the Kubernetes API would return them."""
    names = ("namespace", "name", "labels", "annotations")
    return [
        {"metadata": {name: each[name] for name in names if name in each}}
        | {name: value for name, value in each.items() if name not in names}
        for each in case["applications"]
    ]


def status(decision: Any) -> str:
    return "Errored" if decision.error else "Running" if decision.waiting_for else "Succeeded"


@pytest.mark.parametrize("case", op("authorize"))
def test_authorize(case: Case) -> None:
    """An Application opens itself to exactly the Stages it names."""
    assert {"authorized": authorized(case["annotation"], case["project"], case["stage"])} == case["want"]


@pytest.mark.parametrize("case", op("update"))
def test_update(case: Case) -> None:
    """One attempt patches what it may, and says whether it waits, is done, or cannot go on."""
    want = case["want"]
    try:
        config = UpdateConfig.model_validate(case["config"])
    except ValidationError:
        assert (want["status"], want.get("terminal"), want["synced"]) == ("Failed", True, {})
        return
    who = Promoting(case["project"], case["stage"], case["promotion"], case["actor"])
    decision = decide_update(config, applications(case), who)
    synced = {
        key(sync.application): sync.patch.get("spec", {}) | {"initiatedBy": sync.patch["operation"]["initiatedBy"]}
        for sync in decision.syncs
    }
    assert (status(decision), synced) == (want["status"], want["synced"])
    if "healthChecks" in want:
        assert unordered(decision.health_checks) == unordered(want["healthChecks"])


def unordered(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(checks, key=lambda check: (check["namespace"], check["name"]))


@pytest.mark.parametrize("case", op("wait"))
def test_wait(case: Case) -> None:
    """One attempt compares Applications with what is waited for, and with how they were before."""
    want = case["want"]
    try:
        config = WaitConfig.model_validate(case["config"])
    except ValidationError:
        assert (want["status"], want["terminal"], want["refreshed"]) == ("Failed", True, [])
        return
    decision = decide_wait(config, applications(case), case["previousHealth"])
    assert status(decision) == want["status"]
    assert [key(application) for application in decision.refresh] == want["refreshed"]
    assert isinstance(decision.error, Terminal) == want.get("terminal", False)
    assert decision.health == want.get("healthStatus", decision.health)


@pytest.mark.parametrize("case", op("health"))
def test_health(case: Case) -> None:
    """The worst Application speaks for the Stage, and what is stale is refreshed."""
    verdict = judge_health(case["checks"], applications(case))
    refreshed = [key(application) for application in verdict.refresh]
    assert {"status": verdict.status, "refreshed": refreshed} == case["want"]
