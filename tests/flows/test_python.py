"""Flows called from plain Python, as a notebook does, told nothing but where Prefect and the ledger are."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from blocks.ledger.records import Phase, PromotionRecord
from deployments.requests import ask_promotion
from flows.promotion.admission import Wish
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import asking, gated, in_state, open_gate, opened_plain, stage, state_of

PASSED_ON = ("PATH", "HOME", "LANG")
TOLD = ("PREFECT_API_URL", "PREFECT_HOME", "DRAYAGE_LEDGER_URL", "DRAYAGE_HOME", "DRAYAGE_LEASE_SECONDS")

SCRIPT = """
import asyncio, json, sys
from flows.discover import discover
from flows.promote import promote
from flows.verify import verify
from flows.world import close_world

FLOWS = {"discover": discover, "promote": promote, "verify": verify}

async def main():
    answers = []
    for name, arguments in json.loads(sys.argv[1]):
        state = await FLOWS[name](**arguments, return_state=True)
        answers.append([state.name, state.message])
    await close_world()
    print(json.dumps(answers))

asyncio.run(main())
"""


async def started(machine, folder: Path, *calls: tuple[str, dict[str, Any]]) -> asyncio.subprocess.Process:
    """Start a process that calls flows one after the other and prints name and message of each end."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    env |= {name: machine.env[name] for name in TOLD if name in machine.env}
    env |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, json.dumps(calls)),
        env=env,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def script(machine, folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[list[str]]:
    """Call flows in a process of its own, to its end."""
    return await answers_of(await started(machine, folder, *calls))


async def answers_of(process: asyncio.subprocess.Process) -> list[list[str]]:
    """Wait for what a script prints."""
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(output.decode().splitlines()[-1])


def promoting(pipeline: Guestbook, stage: str, **other: str) -> tuple[str, dict[str, str]]:
    """One call of `promote`."""
    return "promote", {"project": pipeline.project, "stage": stage, **other}


async def test_discover_promote_and_verify(machine, tmp_path):
    """They run where PREFECT_API_URL and DRAYAGE_LEDGER_URL say, by this user, and what they did is there for all."""
    async with opened_plain(tmp_path, stage("test"), stage("prod", "test")) as pipeline:
        await pipeline.push_image("1.0.0")
        answers = await script(
            machine,
            tmp_path,
            ("discover", {"project": pipeline.project, "warehouse": "guestbook"}),
            promoting(pipeline, "test", reason="from a notebook"),
            promoting(pipeline, "prod"),
            ("verify", {"project": pipeline.project, "stage": "prod"}),
        )
        freight = await pipeline.freight("1.0.0")
        assert answers[0][1].startswith("looked at 1 Warehouse")
        assert answers[1:] == [
            ["Promoted", f"test runs {freight.alias}"],
            ["Promoted", f"prod runs {freight.alias}"],
            ["Verified", "prod asks for no verification and is healthy"],
        ]
        assert (await pipeline.standing(freight)).verified_in.keys() == {"test", "prod"}
        record = await pipeline.here.ledger.promotions.latest_for(pipeline.project, "test", freight.name)
        assert (record.phase, record.reason) == (Phase.SUCCEEDED, "from a notebook")
        assert record.actor.startswith("user:")


async def test_what_cannot_be_says_so_in_a_sentence(machine, tmp_path):
    """Wrong names, Freight that may not enter and approvals end Failed with what to do, and leave nothing behind."""
    async with opened_plain(tmp_path, stage("test"), stage("prod"), stage("uat", "test"), asking("prod")) as pipeline:
        freight = await pipeline.push("1.0.0")
        project = pipeline.project
        answers = await script(
            machine,
            tmp_path,
            promoting(pipeline, "prod", freight=freight.alias),
            promoting(pipeline, "uat", freight=freight.alias),
            promoting(pipeline, "tset", freight=freight.alias),
            promoting(pipeline, "test", freight="nobody"),
            promoting(pipeline, "test", promotion="nothing"),
            promoting(pipeline, "test", warehouse="other"),
            ("discover", {"project": project, "warehouse": "other"}),
            ("verify", {"project": project, "stage": "test"}),
            ("verify", {"project": project, "stage": "tset"}),
            ("verify", {"project": project, "stage": "test", "verification": "nothing"}),
        )
        assert answers == [
            [
                "Failed",
                "Stage 'prod' needs approval, and only a run of its deployment can wait for them: "
                f"use 'drayage promote -p {project} --stage prod'",
            ],
            [
                "Failed",
                f"{freight.alias} is not yet verified in 'test'; approve it for 'uat' to promote it all the same",
            ],
            ["Failed", f"project {project!r} has no Stage 'tset'; it has: prod, test, uat"],
            ["Failed", f"project {project!r} has no Freight with the alias or name 'nobody'"],
            ["Failed", f"project {project!r} has no Promotion 'nothing'"],
            ["Failed", "Stage 'test' takes no Freight from Warehouse 'other'"],
            ["Failed", f"project {project!r} has no Warehouse 'other'; it has: guestbook"],
            ["Failed", "Stage 'test' runs no Freight yet, so there is nothing to verify"],
            ["Failed", f"project {project!r} has no Stage 'tset'; it has: prod, test, uat"],
            ["Failed", f"project {project!r} has no verification 'nothing'"],
        ]
        assert await pipeline.here.ledger.promotions.list(project) == []
        assert await pipeline.here.ledger.verifications.list(project, "test") == []


async def test_a_script_waits_for_its_turn_where_it_is(machine, tmp_path):
    """While another promotion has the Stage the call does not return; afterwards it promotes."""
    async with opened_plain(tmp_path, stage("test", steps=gated())) as pipeline:
        first, second = await pipeline.push("1.0.0"), await pipeline.push("1.0.1")
        busy = await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:ann", first.alias))
        await in_state(pipeline, busy, "Running")
        process = await started(machine, tmp_path, promoting(pipeline, "test", freight=second.alias))
        waiting = await pipeline.promotion(second, "test", 60)
        await asyncio.sleep(3)
        known = await pipeline.here.ledger.promotions.get(pipeline.project, waiting.name)
        assert (known.phase, (await state_of(waiting))[0], process.returncode) == (Phase.PENDING, "Running", None)

        open_gate(pipeline)
        assert await answers_of(process) == [["Promoted", f"test runs {second.alias}"]]
        assert (await pipeline.ended(busy)).finished_at <= (await pipeline.ended(waiting)).started_at


async def test_a_killed_script_is_taken_over_by_the_stage(machine, tmp_path):
    """The sweep starts the Stage's own deployment for what the script left, and says of its run that it crashed."""
    async with opened_plain(tmp_path, stage("test", steps=gated())) as pipeline:
        freight = await pipeline.push("1.0.0")
        process = await started(machine, tmp_path, promoting(pipeline, "test", freight=freight.alias))
        try:
            left = await pipeline.promotion(freight, "test", 60)
            await in_phase(pipeline, left, Phase.RUNNING)
        finally:
            process.kill()
            await process.wait()

        async def taken_over() -> bool:
            await sweep()
            now = await pipeline.here.ledger.promotions.get(pipeline.project, left.name)
            return now.flow_run_id != left.flow_run_id

        await until(taken_over, "another run", 60)
        assert (await state_of(left))[0] == "Crashed"
        open_gate(pipeline)
        await pipeline.verified(freight, "test")
        assert [each.name for each in await pipeline.here.ledger.promotions.list(pipeline.project)] == [left.name]


async def in_phase(pipeline: Guestbook, record: PromotionRecord, phase: Phase) -> None:
    """Wait until a Promotion is in a phase."""

    async def there() -> bool:
        return (await pipeline.here.ledger.promotions.get(pipeline.project, record.name)).phase is phase

    await until(there, f"{record.name} {phase}", 30)


@pytest.mark.parametrize("name", ["discover", "promote", "verify"])
def test_flows_are_called_with_names(name):
    """Their parameters are the words of the command line, all but project and Stage with a default."""
    module = __import__(f"flows.{name}", fromlist=[name])
    parameters = getattr(module, name).parameters
    assert set(parameters.required or []) <= {"project", "stage"}
    assert {"project"} <= set(parameters.properties)
