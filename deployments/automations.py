"""The automations Drayage registers itself: one per Stage that promotes by itself, and the crash watch."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture

from flows.announce import stage_resource
from flows.start import automation_name

DEAD_AFTER = timedelta(seconds=600)
"""Three heartbeats of Prefect's default and a little."""

STUCK_AFTER = timedelta(seconds=300)
"""How long a run may stay Pending; the worker begins it within seconds."""


WATCH = "drayage crash watch"


def promotes(project: str, stage: str, deployment_id: UUID, enabled: bool) -> AutomationCore:
    """Build the automation that runs a Stage's deployment when Freight becomes available to it."""
    return AutomationCore(
        name=automation_name(project, stage),
        description=f"Promotes Freight into {stage} when it becomes available. Switch it off to pause auto-promotion.",
        enabled=enabled,
        tags=["drayage", f"project:{project}", f"stage:{stage}"],
        trigger=EventTrigger(
            expect={"drayage.freight.available"},
            match={"prefect.resource.id": stage_resource(project, stage)},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment_id,
                parameters={"freight": "{{ event.payload.freight }}", "reason": "{{ event.payload.why }}"},
            )
        ],
    )


def crash_watch(sweep_deployment: UUID) -> list[AutomationCore]:
    """Build the automations that notice what nobody else does; the sweep then puts it right."""
    return [
        _silence(
            "dead heartbeat",
            "Marks a run Crashed whose worker sent no heartbeat; the sweep lets another go on with it.",
            "heartbeat",
            DEAD_AFTER,
            "No heartbeat: the worker seems dead.",
        ),
        _silence(
            "stuck pending",
            "Marks a run Crashed that a worker took and never began; the sweep starts it again.",
            "Pending",
            STUCK_AFTER,
            "Pending for too long: no worker began it.",
        ),
        AutomationCore(
            name=f"{WATCH}: failed action",
            description="Sweeps when an automation's action failed, because Prefect does not try it again.",
            tags=["drayage"],
            trigger=EventTrigger(
                expect={"prefect.automation.action.failed"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(seconds=60),
            ),
            actions=[RunDeployment(source="selected", deployment_id=sweep_deployment)],
        ),
    ]


def _silence(name: str, description: str, after: str, within: timedelta, message: str) -> AutomationCore:
    """Mark a run of ours Crashed when nothing is heard of it for so long after an event."""
    return AutomationCore(
        name=f"{WATCH}: {name}",
        description=description,
        tags=["drayage"],
        trigger=EventTrigger(
            after={f"prefect.flow-run.{after}"},
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.id": "prefect.tag.drayage", "prefect.resource.role": "tag"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


async def reconcile(client: PrefectClient, wanted: AutomationCore) -> str:
    """Make one automation as wanted, by name. What is already so is left alone: an update loses open windows.

    A person's switch is kept. Returns created, changed or unchanged. Doubles of the name are deleted.
    """
    return await bring_about(client, wanted, await client.read_automations_by_name(wanted.name))


async def bring_about(client: PrefectClient, wanted: AutomationCore | None, found: Sequence[Automation]) -> str:
    """Make one automation as wanted, or none, where these of its name were found. Returns what `reconcile` returns."""
    for surplus in found[1:] if wanted else found:
        await client.delete_automation(surplus.id)
    if wanted is None:
        return "changed" if found else "unchanged"
    if not found:
        await client.create_automation(wanted)
        return "created"
    wanted = wanted.model_copy(update={"enabled": found[0].enabled})
    if _body(found[0]) == _body(wanted):
        return "unchanged"
    await client.update_automation(found[0].id, wanted)
    return "changed"


def _body(automation: AutomationCore | Automation) -> dict[str, object]:
    """What matters of an automation: without the ids the server adds, sets in one order."""
    dumped = AutomationCore.model_validate(automation.model_dump()).model_dump(mode="json")
    return {key: _sorted(value) for key, value in dumped.items() if key not in ("id", "owner_resource")}


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items() if key != "id" and each is not None}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=repr)
    return value
