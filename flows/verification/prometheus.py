"""Measuring with Prometheus."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, field_validator

from blocks import prometheus
from flows.duration import parse_duration
from flows.model import Model
from flows.verification.authentication import Authentication, Header, account, logged_in, opening
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

    @field_validator("timeout")
    @classmethod
    def _not_negative(cls, timeout: int | str | None) -> int | str | None:
        if isinstance(timeout, int) and timeout < 0:
            raise ValueError("must not be negative")
        return timeout


async def measure(settings: Prometheus, context: Context) -> Measured:
    """Ask Prometheus. Raises Invalid for settings that cannot be, and what `blocks.prometheus.query` raises."""
    asked, login = question(settings, context.now), settings.authentication
    whose = account(login, context, *asked.headers.values(), asked.address)

    async def open_it(method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        return await opening(login, context, whose, method, url, headers, body)

    sample = await logged_in(login, context, lambda: prometheus.query(asked, context.web, whose, open_it))
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
