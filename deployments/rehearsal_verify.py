"""Verifying in a rehearsal what a Promotion brought, as the flow does, at once."""

from dataclasses import dataclass, field
from datetime import timedelta

from blocks.errors import DrayageError
from blocks.ledger.records import PromotionRecord, VerificationPhase, VerificationRecord
from deployments.rehearsal_world import Stand
from flows.freight.identity import collection_id
from flows.health import wait_until_healthy
from flows.measure_stage import measure_stage
from flows.stage.model import Verification
from flows.stage.pipeline import read_pipeline
from flows.verification.measure import Soaking


@dataclass
class Verifier:
    """Verifies in the name of `owner`. `problems` are by Stage why a healthy promotion was not verified."""

    stand: Stand
    owner: str
    lease: timedelta
    problems: dict[str, str] = field(default_factory=dict)

    async def verify(self, record: PromotionRecord) -> None:
        """Verify what a Promotion brought, or note that its Stage asks for nothing."""
        ledger, project = self.stand.here.ledger, record.project
        pipeline = await read_pipeline(ledger, project)
        wanted = pipeline.stage(record.stage).spec.verification
        visits = await ledger.stages.current(project, record.stage)
        collection = {origin: visit.freight for origin, visit in visits.items()}
        if wanted and wanted.analysis_templates:
            await self._measure(record, wanted, collection, pipeline.revokes(record.stage))
        else:
            await self._healthy(record, collection)

    async def _measure(
        self, record: PromotionRecord, wanted: Verification, collection: dict[str, str], revoke: bool
    ) -> None:
        here, clock, verifications = self.stand.here, self.stand.clock, self.stand.here.ledger.verifications
        id = f"{record.stage}.{self.stand.ulid().lower()}.{collection_id(list(collection.values()))[:7]}"
        created = await verifications.create(
            VerificationRecord(record.project, record.stage, id, collection, record.name, record.actor, clock.now())
        )
        await verifications.claim(record.project, created.id, self.owner, clock.now() + self.lease, clock.now())
        outcome = await measure_stage(here, created, wanted, self.owner)
        assert not isinstance(outcome, Soaking), "time is short here, so nobody leaves"
        phase, message, metrics = outcome
        end = (VerificationPhase(phase), message, metrics, clock.now())
        await verifications.finish(record.project, created.id, self.owner, *end, revoke=revoke)

    async def _healthy(self, record: PromotionRecord, collection: dict[str, str]) -> None:
        """A Stage without verification counts as verified as soon as it is healthy."""
        here, sentence = self.stand.here, "the Stage asks for no verification and is healthy"
        try:
            await wait_until_healthy(here, record.project, record.stage, record.name)
        except DrayageError as error:
            self.problems[record.stage] = str(error)
            return
        self.problems.pop(record.stage, None)
        now = self.stand.clock.now()
        await here.ledger.stages.mark_verified(record.project, record.stage, collection, record.actor, sentence, now)
