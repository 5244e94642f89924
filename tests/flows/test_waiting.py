"""A step that waits for long holds no worker, and its promotion goes on wherever it is woken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from prefect.client.orchestration import get_client

from blocks.ledger.records import Phase, StepStatus
from deployments.machine import Machine
from deployments.requests import abort_promotion
from flows.wake import wake
from tests.flows.promotion.answering import answer
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook
from tests.servers.waiting import in_state


class Door:
    """A server that says whether it is open."""

    open = False
    url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(200 if self.open else 404, [], b""))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def behind_a_door(tmp_path: Path, more: str = "") -> AsyncIterator[tuple[Guestbook, Door]]:
    """The example with the Stage `test` alone, whose steps end with one that asks every six minutes."""
    door = Door()
    async with await asyncio.start_server(door.serve, "127.0.0.1", 0) as server:
        door.url = "http://127.0.0.1:{1}/".format(*server.sockets[0].getsockname())
        step = (
            "        as: promote\n      - uses: http\n        as: door\n        config:\n          pollInterval: 6m\n"
            f"          url: {door.url}\n          successExpression: response.status == 200\n{more.lstrip(chr(10))}"
        )
        project = f"waiting-{uuid4().hex[:8]}"
        edit = lambda text: only_test(text).replace("        as: promote\n", step)  # noqa: E731
        async with opened_guestbook(tmp_path, project, edit) as opened:
            yield opened, door


async def test_a_long_wait_leaves_the_worker(machine: Machine, tmp_path: Path):
    """Its run is scheduled for later; woken before, it goes on with that step and nothing is done twice."""
    async with behind_a_door(tmp_path) as (guestbook, door):
        record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
        await in_state(guestbook, record, "Waiting", seconds=30)
        left = await guestbook.here.ledger.promotions.get(record.project, record.name)
        assert (left.phase, left.owner) == (Phase.RUNNING, "")
        assert left.waiting_for["message"].startswith("step 'door': HTTP (404)")
        assert not (machine.home / "work" / record.name).exists()

        door.open = True
        async with get_client() as client:
            assert await wake(client, left)
        ended = await guestbook.ended(left)

        assert (ended.phase, ended.waiting_for) == (Phase.SUCCEEDED, {})
        steps = await guestbook.here.ledger.promotions.steps(record.project, record.name)
        assert {each.alias: each.attempts for each in steps if each.alias in ("promote::push", "door")}["door"] == 2
        assert all(each.attempts == 1 for each in steps if each.uses in ("git-clone", "git-commit", "git-push"))
        async with get_client() as client:
            assert not await wake(client, left)


async def test_abort_while_it_waits(machine: Machine, tmp_path: Path):
    """The run that is not at work is cancelled, its step Aborted, and the Stage is free."""
    async with behind_a_door(tmp_path) as (guestbook, door):
        record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
        await in_state(guestbook, record, "Waiting", seconds=30)
        aborted = await abort_promotion(guestbook.here, record.project, record.name, "ann")
        assert aborted.phase is Phase.ABORTED
        await in_state(guestbook, record, "Cancelled", seconds=10)
        steps = await guestbook.here.ledger.promotions.steps(record.project, record.name)
        assert steps[-1].status is StepStatus.ABORTED
        door.open = True
        await guestbook.verified(await guestbook.push("1.1.0"), "test")
        async with get_client() as client:
            assert (await client.read_flow_run(UUID(record.flow_run_id))).state_name == "Cancelled"
