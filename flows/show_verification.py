"""Showing a verification in the Prefect UI: a chart per metric, one page with verdicts and values, and logs.

Artifacts only show: when Prefect does not take them, that is logged and survived.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prefect.artifacts import acreate_image_artifact, acreate_markdown_artifact

from blocks.ledger.records import VerificationRecord
from flows.artifacts import key
from flows.freight.describe import cell
from flows.verification.chart import chart, data_url, thresholds
from flows.verification.combine import Planned
from flows.verification.model import Metric
from flows.verification.result import MetricResult
from flows.world import World

log = logging.getLogger("drayage")

RENEWED = timedelta(seconds=15)
"""While it goes on, artifacts are renewed no more often."""

MOST_CHARTS = 20
MOST_JSON = 200_000
"""Characters of values on a page."""

Json = dict[str, Any]


@dataclass
class Showing:
    """The artifacts of one verification."""

    here: World
    record: VerificationRecord
    plan: Sequence[Planned]
    _shown_at: datetime | None = field(default=None, repr=False)

    async def show(self, metrics: Sequence[Mapping[str, Any]], *, end: bool = False) -> None:
        """Renew the artifacts, unless they were just now; at the end in any case."""
        now = self.here.clock.now()
        if not self.here.tells or not metrics or (not end and self._shown_at and now - self._shown_at < RENEWED):
            return
        self._shown_at = now
        results = [MetricResult.read(each) for each in metrics]
        try:
            await acreate_markdown_artifact(
                page(self.record, results),
                key=self._key(),
                description=f"Verification of {self.record.stage}: {self.record.id}",
            )
            for planned, result in list(zip(self.plan, results, strict=True))[:MOST_CHARTS]:
                await self._chart(planned.metric, result)
        except Exception as error:
            log.warning("cannot show verification %s: %s", self.record.id, type(error).__name__)

    async def keep_logs(self, metric: Metric, number: int, logs: str) -> None:
        """Keep the logs of one measurement as an artifact of its own."""
        if not self.here.tells:
            return
        text = logs.replace("```", "'''")
        try:
            await acreate_markdown_artifact(
                f"# {metric.name}, measurement {number}\n\n```\n{text}\n```",
                key=self._key("logs", metric.name),
                description=f"Logs of {metric.name}, measurement {number}, verification {self.record.id}",
            )
        except Exception as error:
            log.warning("cannot keep the logs of %s: %s", metric.name, type(error).__name__)

    async def _chart(self, metric: Metric, result: MetricResult) -> None:
        limits = thresholds(metric.success_condition, metric.failure_condition)
        await acreate_image_artifact(
            data_url(chart(result, limits)),
            key=self._key(metric.name),
            description=f"{metric.name}: {result.phase} {result.message}".strip(),
        )

    def _key(self, *parts: str) -> str:
        return key("verification", self.record.project, self.record.stage, *parts)


def page(record: VerificationRecord, results: Sequence[MetricResult]) -> str:
    """A verification in Markdown: each metric's verdict and newest value, and all values as JSON."""
    rows = [
        f"| {cell(each.name)} | {each.phase}{' (dry run)' if each.dry_run else ''} | {_newest(each)} "
        f"| {each.successful} / {each.failed} / {each.inconclusive} / {each.error} | {cell(each.message)} |"
        for each in results
    ]
    return "\n".join(
        [
            f"# Verification of {cell(record.project)}/{cell(record.stage)}",
            "",
            f"`{record.id}`, of promotion `{record.promotion}`, begun {record.started_at:%Y-%m-%d %H:%M:%S} UTC.",
            "",
            "| Metric | Verdict | Newest value | Successful / failed / inconclusive / error | Why |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "```json",
            values(results),
            "```",
        ]
    )


def values(results: Sequence[MetricResult]) -> str:
    """All measured numbers as JSON; only the newest of each metric when they are too many."""
    for most in (None, 20, 1):
        written = [
            {"metric": each.name, "phase": each.phase, "values": [_value(point) for point in each.written()["points"]]}
            for each in results
        ]
        for each in written:
            each["values"] = each["values"][-most:] if most else each["values"]
        text = json.dumps(written, ensure_ascii=False)
        if len(text) <= MOST_JSON:
            return text
    return "[]"


def _value(point: list[Any]) -> Json:
    at, numbers, phase = point
    return {"at": at, "value": numbers[0] if len(numbers) == 1 else numbers, "phase": phase}


def _newest(result: MetricResult) -> str:
    return cell(result.measurements[-1].value or "—") if result.measurements else "—"
