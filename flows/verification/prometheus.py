"""Measuring with Prometheus."""

from datetime import datetime

from pydantic import Field, field_validator

from blocks import prometheus
from flows.duration import parse_duration
from flows.model import Model
from flows.verification.measuring import Context, Measured
from flows.verification.moment import moment
from flows.verification.placeholder import Count, Interval


class Header(Model):
    """A header to send."""

    key: str = Field(min_length=1, description="Name of the header.")
    value: str = Field(description="Its value.")


class RangeQuery(Model):
    """Ask for a stretch of time instead of one instant."""

    start: str = Field(min_length=1, description="Expression for its start, such as now() - duration('1h').")
    end: str = Field(min_length=1, description="Expression for its end, such as now().")
    step: Interval = Field(min_length=1, description="Duration between its points.")


class Sigv4(Model):
    """Requests signed for Amazon."""

    region: str = Field(default="", description="Amazon region.")
    profile: str = Field(default="", description="Credentials profile.")
    role_arn: str = Field(default="", description="Role to assume.")


class OAuth2(Model):
    """A token by client credentials."""

    token_url: str = Field(default="", description="Where tokens are given out.")
    client_id: str = Field(default="", description="Client id.")
    client_secret: str = Field(default="", repr=False, description="Client secret.")
    scopes: list[str] = Field(default_factory=list, description="Scopes to ask for.")


class Authentication(Model):
    """How Prometheus knows us, besides headers."""

    sigv4: Sigv4 | None = Field(default=None, description="Sign requests for Amazon.")
    oauth2: OAuth2 | None = Field(default=None, description="Fetch a token first.")

    @field_validator("sigv4")
    @classmethod
    def _not_yet(cls, sigv4: Sigv4 | None) -> Sigv4 | None:
        if sigv4:
            raise ValueError("is not available yet: put a signing proxy in front, or use headers or oauth2")
        return sigv4


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
    account = context.account(
        *asked.headers.values(), asked.address, asked.oauth2.client_secret if asked.oauth2 else ""
    )
    sample = await prometheus.query(asked, context.web, account)
    return Measured(sample.value, sample.metadata)


def question(settings: Prometheus, now: datetime) -> prometheus.Question:
    """Say in the block's words what a metric wants to know. Raises Invalid."""
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
