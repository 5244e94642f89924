"""Steps that change the ledger: what they note is seen at once by those after them, and is noted once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blocks.errors import NotFound, Refused
from blocks.ledger.records import AuditEvent, Phase, PromotionRecord
from deployments.machine import Machine
from flows.control_plane import ControlPlane
from flows.promotion.attempt import attempt
from flows.promotion.result import Skipped, Succeeded
from tests.flows.promotion.workspace import step_context
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook

STEPS = """\
      - uses: set-metadata
        as: note
        config:
          updates:
            - kind: Stage
              name: ${{ ctx.stage }}
              values: {last: "${{ ctx.targetFreight.name }}", count: 1}
            - kind: Freight
              name: ${{ ctx.targetFreight.name }}
              values: {ticket: {key: SHOP-7, open: true}}
      - uses: set-freight-alias
        as: rename
        config:
          name: ${{ ctx.targetFreight.name }}
          alias: release-seven
      - uses: record-audit-event
        as: record
        config:
          message: ticket ${{ freightMetadata(ctx.targetFreight.name).ticket.key }} is live
          data: {stage: "${{ ctx.stage }}"}
      - uses: compose-output
        as: seen
        if: ${{ stageMetadata(ctx.stage).count == 1 }}
        config:
          last: ${{ quote(stageMetadata(ctx.stage).last) }}
          open: ${{ freightMetadata(ctx.targetFreight.name).ticket.open }}
          where: ${{ keys(freightStatus(ctx.targetFreight.name)) }}
          none: ${{ stageMetadata('nowhere') == nil }}
"""


@pytest.fixture
async def noting(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone, whose steps end with those above."""
    edit = lambda text: only_test(text).replace("        as: promote\n", "        as: promote\n" + STEPS)  # noqa: E731
    async with opened_guestbook(tmp_path, f"notes-{uuid4().hex[:8]}", edit) as opened:
        yield opened


async def again(guestbook: Guestbook, record: PromotionRecord, uses: str, alias: str, config: dict[str, Any]) -> Any:
    """Run a step once more, as a worker does that took over from one that died after the effect."""
    ctx = step_context(Path("unused"), alias=alias, control=ControlPlane(guestbook.here, record))
    return await attempt({"uses": uses, "as": alias}, config, ctx)


async def told_of(noting: Guestbook, record: PromotionRecord) -> list[AuditEvent]:
    """What the trail tells of the Freight and of what was recorded; the verification goes on beside."""
    told = await noting.here.ledger.audit.list(record.project)
    return [each for each in told if each.type in ("recorded", "FreightAliasChanged", "FreightMetadataChanged")]


async def test_what_steps_note(noting: Guestbook):
    """Later steps of the same promotion read it; alias and audit trail tell of it; running again adds nothing."""
    freight = await noting.push("1.0.0")
    record = await noting.ended(await noting.promotion(freight, "test"))
    assert record.phase is Phase.SUCCEEDED, record.message
    steps = await noting.here.ledger.promotions.steps(record.project, record.name)
    seen = next(each.output for each in steps if each.alias == "seen")
    assert seen == {"last": freight.name, "open": True, "where": ["metadata"], "none": True}

    renamed = await noting.here.ledger.freight.get(record.project, freight.name)
    assert renamed is not None
    assert (renamed.alias, renamed.metadata) == ("release-seven", {"ticket": {"key": "SHOP-7", "open": True}})

    (event,) = await noting.here.ledger.audit.list(record.project, type="recorded")
    assert (event.subject, event.message) == (f"Promotion/{record.name}", "ticket SHOP-7 is live")
    told = await told_of(noting, record)
    note = {"kind": "Freight", "name": freight.name, "values": {"ticket": {"key": "SHOP-7", "open": True}}}
    alias = {"name": freight.name, "alias": "release-seven"}
    assert isinstance(await again(noting, record, "set-metadata", "note", {"updates": [note]}), Succeeded)
    assert isinstance(await again(noting, record, "set-freight-alias", "rename", alias), Succeeded)
    assert isinstance(await again(noting, record, "record-audit-event", "record", {"message": "x"}), Skipped)
    assert await told_of(noting, record) == told


async def test_what_cannot_be_noted(noting: Guestbook):
    """Unknown Freight and Stages, and aliases of others, are final with a sentence."""
    for tag in ("1.0.0", "1.1.0"):
        record = await noting.ended(await noting.promotion(await noting.push(tag), "test"))
    free, _ = sorted(
        await noting.here.ledger.freight.list(noting.project), key=lambda each: each.alias == "release-seven"
    )
    other = {"name": free.name, "alias": "release-seven"}
    with pytest.raises(Refused, match="belongs to"):
        await again(noting, record, "set-freight-alias", "rename", other)
    with pytest.raises(NotFound, match="no Freight"):
        await again(noting, record, "set-freight-alias", "rename", {"name": "release-seven", "alias": "y"})
    for kind, name in (("Stage", "nowhere"), ("Freight", "f" * 40)):
        with pytest.raises(NotFound, match=f"no {kind}"):
            await again(
                noting, record, "set-metadata", "note", {"updates": [{"kind": kind, "name": name, "values": {"a": 1}}]}
            )
