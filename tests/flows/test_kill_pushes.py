"""A worker killed around oci-push: the next one finds the artifact where it belongs and pushes nothing again."""

from pathlib import Path
from uuid import uuid4

import pytest

from blocks.ledger.records import Phase, StepStatus
from deployments.machine import Machine
from deployments.sandbox.faults import Fault
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.doomed_worker import Nursery, Order, alive
from tests.servers.guestbook import only_test, opened_guestbook, until

FIRST = "\n  steps:\n"
STEP = """
  steps:
  - uses: oci-push
    as: image
    config:
      srcRef: ${{ vars.image }}:${{ imageFrom(vars.image).Tag }}
      destRef: ${{ vars.image }}:released
"""


@pytest.mark.long
async def test_an_image_is_pushed_once(machine: Machine, tmp_path: Path, monkeypatch):
    """Killed before anything went out and killed right after: one push, and the promotion succeeds with its outputs."""
    monkeypatch.setenv("DRAYAGE_WORK_POOL", pool := f"pushes-{uuid4().hex[:8]}")
    project = f"pushes-{uuid4().hex[:8]}"
    edit = lambda text: only_test(text).replace(FIRST, STEP)  # noqa: E731
    env = {"DRAYAGE_LEASE_SECONDS": "2"}
    async with opened_guestbook(tmp_path, project, edit) as guestbook, Nursery(tmp_path / "log", env) as nursery:

        async def worker(point: str) -> int:
            note = str(tmp_path / point.replace(":", "-"))
            return await nursery.bear(Order(pool, stage_deployment(project, "test"), point, note))

        async def dead() -> bool:
            await sweep()
            return not alive(pid)

        pid = await worker("before:image")
        record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
        await until(dead, "the death before the push", 60)
        pid = await worker("after:image")
        await until(dead, "the death after the push", 60)
        guestbook.sandbox.faults.add(Fault(match="/v2/guestbook/", method="PUT", kind="status", status=400))
        await worker("")

        async def ended() -> bool:
            await sweep()
            now = await guestbook.here.ledger.promotions.get(project, record.name)
            return now is not None and now.phase.terminal

        await until(ended, "the end", 60)
        done = await guestbook.here.ledger.promotions.get(project, record.name)
        assert done is not None
        assert done.phase is Phase.SUCCEEDED, done.message
        steps = await guestbook.here.ledger.promotions.steps(project, record.name)
        image = next(each for each in steps if each.alias == "promote::image")
        assert (image.status, image.attempts) == (StepStatus.SKIPPED, 3)
        assert (image.output["tag"], image.output["digest"][:7]) == ("released", "sha256:")
