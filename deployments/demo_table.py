"""What the demo prints at its end: where everything is, and where to look at it."""

from prefect.settings import PREFECT_UI_URL
from rich.console import Console
from rich.table import Table

from blocks.errors import Refused
from flows.freight.describe import versions
from flows.health import read_health
from flows.stage.outlook import Outlook, read_outlook
from flows.world import World

COLUMNS = ("stage", "freight", "image tag", "commit", "health", "verified at")


async def stage_table(here: World, project: str) -> None:
    """Print one row per Stage. Raises Refused when a Stage is empty, unhealthy or unverified."""
    outlook = await read_outlook(here.ledger, project)
    table = Table(*COLUMNS)
    for stage in outlook.pipeline.stages:
        table.add_row(*await _row(here, outlook, stage))
    Console(width=120 if not Console().is_terminal else None).print(table)


async def print_links(here: World, project: str) -> None:
    """Print where in the Prefect UI to look."""
    ui = (PREFECT_UI_URL.value() or "").rstrip("/")
    print(f"runs          {ui}/runs")
    print(f"what runs     {ui}/artifacts/key/project-{project}")
    print(f"automations   {ui}/automations")
    print(f"work queues   {ui}/work-pools/work-pool/{here.settings.work_pool}?tab=Work%20Queues")
    for promotion in await here.ledger.promotions.open(project):
        print(f"waits for you {ui}/runs/flow-run/{promotion.flow_run_id} ({promotion.stage})")


async def _row(here: World, outlook: Outlook, stage: str) -> list[str]:
    visit = next(iter(outlook.currents.get(stage, {}).values()), None)
    if visit is None:
        raise Refused(f"Stage {stage!r} runs nothing")
    promotion = await here.ledger.promotions.get(visit.project, visit.promotion)
    health = await read_health(here, visit.project, promotion.health_checks if promotion else [])
    if health.status != "Healthy" or visit.verified_at is None:
        raise Refused(f"Stage {stage!r} is {health.status} ({'; '.join(health.issues)}), verified {visit.verified_at}")
    freight = outlook.freight[visit.freight]
    steps = await here.ledger.promotions.steps(visit.project, visit.promotion)
    commit = next((step.output["commit"] for step in reversed(steps) if "commit" in step.output), "")
    tag = ", ".join(versions(freight.content).values())
    return [stage, freight.alias, tag, commit[:10], health.status, f"{visit.verified_at:%H:%M:%S} UTC"]
