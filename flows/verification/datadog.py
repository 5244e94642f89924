"""Measuring with Datadog."""

import json
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from blocks.metrics.address import without_login
from blocks.metrics.service import Service
from flows.duration import parse_duration
from flows.model import Model
from flows.verification.login import login
from flows.verification.measuring import Context, Measured
from flows.verification.placeholder import PLACEHOLDER, Interval

ADDRESS = "https://api.datadoghq.com"
SECRET = "datadog"  # noqa: S105  a name
MOST_GROUPS = 100
"""Groups that are shown with a measurement: half of them the lowest, half the highest. All of them count."""

Aggregator = Literal["avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"]


class SecretReference(Model):
    """The Secret that holds the keys."""

    name: str = Field(default="", description="Name of the Secret.")
    namespaced: bool = Field(default=False, description="Whether only the project's own Secret will do.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.namespaced and not self.name:
            raise ValueError("'name' is needed with 'namespaced'")
        return self


class Datadog(Model):
    """One query, or several with a formula."""

    api_version: Literal["v1", "v2"] = Field(default="v1", description="Version of Datadog's API.")
    interval: Interval = Field(default="5m", description="Length of the time window that ends now.")
    query: str = Field(default="", description="The query.")
    queries: dict[str, str] = Field(default_factory=dict, description="Queries by name, for a formula; v2.")
    formula: str = Field(default="", description="Formula over the names of the queries; v2.")
    aggregator: Aggregator | None = Field(default=None, description="How the window becomes one number; v2: last.")
    secret_ref: SecretReference = Field(default_factory=SecretReference, description="Secret with the keys.")
    request_timeout: Interval = Field(default="10s", description="How long one request may take.")

    @field_validator("request_timeout")
    @classmethod
    def _positive(cls, timeout: str) -> str:
        if PLACEHOLDER not in timeout and parse_duration(timeout) <= timedelta():
            raise ValueError("must be more than nothing, such as 30s")
        return timeout

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if bool(self.query) == bool(self.queries):
            raise ValueError("exactly one of 'query' and 'queries' is needed")
        if self.api_version == "v1" and (self.queries or self.aggregator):
            raise ValueError("'queries' and 'aggregator' need 'apiVersion: v2'")
        if self.formula and not self.queries:
            raise ValueError("'formula' needs 'queries'")
        if len(self.queries) > 1 and not self.formula:
            raise ValueError("several 'queries' need a 'formula', which says what the result is")
        return self


async def measure(settings: Datadog, context: Context) -> Measured:
    """Ask Datadog. Raises Invalid without keys, and what `blocks.metrics.datadog` raises."""
    from blocks.metrics import datadog

    known = await login(context, settings.secret_ref.name or SECRET, own=settings.secret_ref.namespaced)
    address, _ = without_login(known.get("address", ADDRESS), f"Secret {known.name!r}")
    keys = datadog.Keys(address, known["api-key"], known["app-key"])
    check = f"check 'api-key' and 'app-key' of Secret {known.name!r}, and that they are of the site in 'address'"
    timeout = parse_duration(settings.request_timeout).total_seconds()
    service = Service(context.web, "Datadog", check, known.account, timeout)
    start, end = context.now - parse_duration(settings.interval), context.now
    if settings.api_version == "v1":
        answer = await datadog.query_v1(service, keys, settings.query, start, end)
    else:
        queries = settings.queries or {"query": settings.query}
        aggregator = settings.aggregator or "last"
        answer = await datadog.query_v2(service, keys, queries, settings.formula, aggregator, start, end)
    return Measured(answer.value, _metadata(answer.groups, answer.value))


def _metadata(groups: tuple[str, ...] | None, values: Any) -> dict[str, str]:
    """Show which group has which value, of many those at both ends, where what is wrong must be."""
    if groups is None:
        return {}
    pairs = [{"name": name, "value": value} for name, value in zip(groups, values, strict=True)]
    if len(pairs) <= MOST_GROUPS:
        return {"groups": json.dumps(pairs)}
    pairs.sort(key=lambda pair: pair["value"])
    half = MOST_GROUPS // 2
    return {"groups": json.dumps([*pairs[:half], *pairs[-half:]]), "groups_truncated": "true"}
