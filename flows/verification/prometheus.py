"""Measuring with Prometheus."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from blocks import prometheus
from flows.duration import parse_duration
from flows.model import Model
from flows.verification.authentication import Authentication, Header, opening
from flows.verification.measuring import Context, Measured
from flows.verification.moment import moment
from flows.verification.placeholder import Count, Interval


class RangeQuery(Model):
    """Ask for a stretch of time instead of one instant."""

    start: str = Field(min_length=1, description="Expression for its start, such as now() - duration('1h').")
    end: str = Field(min_length=1, description="Expression for its end, such as now().")
    step: Interval = Field(min_length=1, description="Duration between its points.")


class Prometheus(Model):
    """One query."""

    address: str = Field(min_length=1, description="URL of the server.")
    query: str = Field(default="", description="PromQL.")
    range_query: RangeQuery | None = Field(default=None, description="Ask for a stretch of time.")
    headers: list[Header] = Field(default_factory=list, description="Headers to send, such as Authorization.")
    timeout: Count | None = Field(default=None, description="Seconds a query may take; 30 when unset.")
    insecure: bool = Field(default=False, description="Skip the check of the server's certificate.")
    authentication: Authentication = Field(default_factory=Authentication, description="Other ways to log in.")


async def measure(settings: Prometheus, context: Context) -> Measured:
    """Ask Prometheus. Raises Invalid for settings that cannot be, and what `blocks.prometheus.query` raises."""
    asked = question(settings, context.now)
    oauth2 = settings.authentication.oauth2
    account = context.account(*asked.headers.values(), asked.address, oauth2.client_secret if oauth2 else "")

    async def open_it(method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        return await opening(settings.authentication, context, account, method, url, headers, body)

    sample = await prometheus.query(asked, context.web, account, open_it)
    return Measured(sample.value, sample.metadata)


def question(settings: Prometheus, now: datetime) -> prometheus.Question:
    """Say in the block's words what a metric wants to know. Raises Invalid."""
    return prometheus.Question(
        address=settings.address,
        query=settings.query,
        range=_range(settings.range_query, now) if settings.range_query else None,
        headers={header.key: header.value for header in settings.headers},
        timeout=float(settings.timeout or 30),
        insecure=settings.insecure,
    )


def _range(wanted: RangeQuery, now: datetime) -> prometheus.Range:
    return prometheus.Range(moment(wanted.start, now), moment(wanted.end, now), parse_duration(wanted.step))
