"""One attempt of `argocd-wait`: whether Applications are as wished, and which of them must be refreshed to tell."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, field_validator

from blocks.errors import DrayageError, Terminal
from blocks.records import Application
from flows.model import Model
from flows.promotion.argocd.conditions import errors, health_status, stale, status
from flows.promotion.argocd.selection import NAMESPACE, WHICH, AppReference, key, label, select

WaitFor = Literal["health", "sync", "operation", "suspended", "degraded"]
HEALTHS: dict[str, str] = {"health": "Healthy", "suspended": "Suspended", "degraded": "Degraded"}
"""Wishes about health, of which one suffices, and the health each one means."""


class AppWait(AppReference):
    """Applications to wait for."""

    wait_for: list[WaitFor] = Field(
        default=["health", "sync", "operation"],
        min_length=1,
        description="What must hold; of health, suspended and degraded one suffices.",
    )

    @field_validator("wait_for")
    @classmethod
    def _each_once(cls, wait_for: list[WaitFor]) -> list[WaitFor]:
        if len(set(wait_for)) < len(wait_for):
            raise ValueError("'waitFor' names a condition twice")
        return wait_for


class WaitConfig(Model):
    """Settings of `argocd-wait`."""

    apps: list[AppWait] = Field(min_length=1, description="Applications to wait for.")
    argocd: str | None = Field(default=None, min_length=1, description=WHICH)


@dataclass
class WaitDecision:
    """What one attempt comes to. `health` holds the last known health by `<namespace>/<name>`, for the next attempt.

    `error` ends the attempt; a Terminal one says that no other attempt makes sense.
    """

    health: dict[str, str]
    applications: list[Application] = field(default_factory=list)
    refresh: list[Application] = field(default_factory=list)
    waiting_for: list[str] = field(default_factory=list)
    error: DrayageError | None = None


def decide_wait(
    config: WaitConfig, applications: list[Application], previous: dict[str, str], namespace: str = NAMESPACE
) -> WaitDecision:
    """Decide one attempt. `previous` is the health the last attempt stored, to notice what became worse."""
    decision = WaitDecision(health=dict(previous))
    try:
        for app in config.apps:
            for application in select(app, applications, namespace):
                decision.applications.append(application)
                _judge(app.wait_for, application, previous.get(key(application), ""), decision)
    except DrayageError as error:
        decision.error = error
    return decision


def _judge(wait_for: list[WaitFor], application: Application, before: str, decision: WaitDecision) -> None:
    health = health_status(application)
    if health:
        decision.health[key(application)] = health
    if broken := errors(application):
        raise Terminal("; ".join(broken))
    if "operation" in wait_for and operation_in_progress(application):
        decision.waiting_for.append(f"{label(application)} has an operation in progress")
    elif any(wish in HEALTHS for wish in wait_for) and stale(application):
        decision.refresh.append(application)
        decision.waiting_for.append(f"{label(application)} has not been looked at since its last operation ended")
    elif problem := _unhealthy(wait_for, application, before) or _out_of_sync(wait_for, application):
        decision.waiting_for.append(problem)


def _unhealthy(wait_for: list[WaitFor], application: Application, before: str) -> str:
    health = health_status(application)
    wished = [HEALTHS[wish] for wish in wait_for if wish in HEALTHS]
    if not wished or health in wished:
        return ""
    if "health" in wait_for and health == "Degraded" and before not in ("", "Degraded", "Unknown"):
        raise Terminal(f"{label(application)} went from {before} to Degraded: look at its resources in Argo CD")
    return f"{label(application)} is {health or 'of unknown health'}, not {' or '.join(wished)}"


def _out_of_sync(wait_for: list[WaitFor], application: Application) -> str:
    sync = (status(application).get("sync") or {}).get("status") or "not compared yet"
    return f"{label(application)} is {sync}" if "sync" in wait_for and sync != "Synced" else ""


def operation_in_progress(application: Application) -> bool:
    """Whether an operation is asked for or running."""
    state = status(application).get("operationState")
    return bool(application.get("operation")) or (state is not None and not state.get("finishedAt"))
