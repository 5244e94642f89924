"""The Prometheus provider's settings as people write them."""

from pydantic import Field

from flows.model import Model
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


class Prometheus(Model):
    """One query."""

    address: str = Field(default="", description="URL of the server.")
    query: str = Field(default="", description="PromQL.")
    range_query: RangeQuery | None = Field(default=None, description="Ask for a stretch of time.")
    headers: list[Header] = Field(default_factory=list, description="Headers to send, such as Authorization.")
    timeout: Count | None = Field(default=None, description="Seconds a query may take; 30 when unset.")
    insecure: bool = Field(default=False, description="Skip the check of the server's certificate.")
    authentication: Authentication = Field(default_factory=Authentication, description="Other ways to log in.")
