"""`prefect deploy --all`: the static deployments by Prefect's own means, on the server that has them already."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort

from deployments.machine import Machine
from deployments.register import static_deployments

TOP = Path(__file__).parents[2]


async def test_prefect_deploy_registers_the_same(machine: Machine, tmp_path: Path):
    """Nothing is doubled or broken: same ids, entrypoints, pool and schedules, and runs of them still complete."""
    async with get_client() as client:
        before = await _static(client)
        assert before.keys() == {each["name"] for each in static_deployments()}
        await _deploy_all(tmp_path)
        after = await _static(client)
        assert {name: _facts(each) for name, each in before.items()} == {
            name: _facts(each) for name, each in after.items()
        }
        run = await client.create_flow_run_from_deployment(after["discover"].id, parameters={"project": "nobody"})
        for _ in range(300):
            state = (await client.read_flow_run(run.id)).state
            if state is not None and state.is_final():
                break
            await asyncio.sleep(0.1)
        assert state is not None and state.is_completed(), state


async def _deploy_all(folder: Path) -> None:
    """Run it as in a checkout; the file is copied so that Prefect's own notes stay out of the tree."""
    shutil.copy(TOP / "prefect.yaml", folder)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TOP)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 150)
    assert process.returncode == 0, output.decode()


async def _static(client: PrefectClient) -> dict[str, DeploymentResponse]:
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["drayage"]))
    found = await client.read_deployments(deployment_filter=tagged, sort=DeploymentSort.NAME_ASC, limit=200)
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def _facts(deployment: DeploymentResponse) -> dict[str, object]:
    """What must be the same however it was registered."""
    return {
        "id": deployment.id,
        "entrypoint": deployment.entrypoint,
        "pool": (deployment.work_pool_name, deployment.work_queue_name),
        "tags": deployment.tags,
        "description": deployment.description,
        "schedules": [(each.schedule, each.active, each.slug) for each in deployment.schedules],
        "parameters": deployment.parameter_openapi_schema["properties"].keys(),
        "enforced": deployment.enforce_parameter_schema,
        "pull": deployment.pull_steps or [],
        "path": deployment.path,
    }
