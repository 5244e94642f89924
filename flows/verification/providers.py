"""The table of metric providers: how each one is measured."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from blocks import prometheus
from blocks.errors import Invalid
from blocks.records import Sample
from flows.duration import parse_duration
from flows.verification.model import Metric
from flows.verification.moment import moment
from flows.verification.prometheus import OAuth2, Prometheus, RangeQuery

Measure = Callable[[Metric, datetime], Awaitable[Sample]]
"""Takes one measurement of a metric whose arguments are put in: `await measure(metric, now)`."""


async def measure_prometheus(metric: Metric, now: datetime) -> Sample:
    """Ask Prometheus. Raises Invalid for settings that cannot be, and what `blocks.prometheus.query` raises."""
    settings = metric.provider.prometheus
    if settings is None:
        raise Invalid(f"metric {metric.name!r} has no prometheus settings")
    return await prometheus.query(question(settings, now))


def question(settings: Prometheus, now: datetime) -> prometheus.Question:
    """Say in the block's words what a metric wants to know. Raises Invalid."""
    if settings.authentication.sigv4:
        raise Invalid("sigv4 is not available yet: put a signing proxy in front, or use headers or oauth2")
    oauth2 = settings.authentication.oauth2
    return prometheus.Question(
        address=settings.address,
        query=settings.query,
        range=_range(settings.range_query, now) if settings.range_query else None,
        headers={header.key: header.value for header in settings.headers},
        timeout=float(settings.timeout or 30),
        insecure=settings.insecure,
        oauth2=_login(oauth2) if oauth2 else None,
    )


def _range(wanted: RangeQuery, now: datetime) -> prometheus.Range:
    return prometheus.Range(moment(wanted.start, now), moment(wanted.end, now), parse_duration(wanted.step))


def _login(oauth2: OAuth2) -> prometheus.ClientCredentials:
    return prometheus.ClientCredentials(oauth2.token_url, oauth2.client_id, oauth2.client_secret, tuple(oauth2.scopes))


async def measure(metric: Metric, now: datetime) -> Sample:
    """Measure a metric with its provider. Raises Invalid naming the providers there are."""
    kind = metric.provider.kind
    if kind not in PROVIDERS:
        raise Invalid(f"provider {kind!r} is not available yet; available are: {', '.join(PROVIDERS)}")
    return await PROVIDERS[kind](metric, now)


PROVIDERS: dict[str, Measure] = {
    "prometheus": measure_prometheus,
}
