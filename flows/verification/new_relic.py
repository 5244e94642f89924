"""Measuring with New Relic: NRQL over NerdGraph."""

from pydantic import Field, field_validator

from blocks.errors import Invalid, NotFound
from blocks.metrics.address import without_login
from blocks.metrics.graphql import ask_graphql
from blocks.metrics.service import Service
from flows.model import Model
from flows.verification.login import Login, login
from flows.verification.measuring import Context, Measured
from flows.verification.placeholder import Count

SECRET = "newrelic"  # noqa: S105  a name
ADDRESSES = {"us": "https://api.newrelic.com/graphql", "eu": "https://api.eu.newrelic.com/graphql"}
NERDGRAPH = (
    "query ($query: Nrql!, $accountId: Int!, $timeout: Seconds!) "
    "{ actor { account(id: $accountId) { nrql(query: $query, timeout: $timeout) { results } } } }"
)
ON_THE_WAY = 10.0
"""Seconds a request may take beside those of its query."""


class NewRelic(Model):
    """One query."""

    profile: str = Field(
        default="", description="Secret with personal-api-key, account-id and region; newrelic when unset."
    )
    query: str = Field(min_length=1, description="The query, in NRQL.")
    timeout: Count | None = Field(default=None, description="Seconds the query may take; 5 when unset.")

    @field_validator("timeout")
    @classmethod
    def _not_negative(cls, timeout: int | str | None) -> int | str | None:
        if isinstance(timeout, int) and timeout < 0:
            raise ValueError("must not be negative")
        return timeout


async def measure(settings: NewRelic, context: Context) -> Measured:
    """Return the one result, or the list of several. Raises NotFound without any, and as `ask_graphql`."""
    known = await login(context, settings.profile or SECRET)
    seconds = int(settings.timeout if settings.timeout is not None else 5)
    check = f"check 'personal-api-key' and 'account-id' of Secret {known.name!r}"
    service = Service(context.web, "New Relic", check, known.account, seconds + ON_THE_WAY)
    variables = {"query": settings.query, "accountId": _account_id(known), "timeout": seconds}
    headers = {"API-Key": known["personal-api-key"]}
    data = await ask_graphql(service, _address(known), NERDGRAPH, variables, headers)
    try:
        results = data["actor"]["account"]["nrql"]["results"]
    except (TypeError, KeyError):
        raise service.odd("no results of an account") from None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise service.odd("no list of results")
    if not results or results == [{}]:
        raise NotFound("New Relic has no results for the query: correct it, or its time")
    return Measured(results[0] if len(results) == 1 else results, {"ResolvedNewRelicQuery": settings.query})


def _account_id(known: Login) -> int:
    try:
        return int(known["account-id"])
    except ValueError:
        raise Invalid(f"'account-id' of Secret {known.name!r} is no number: correct it") from None


def _address(known: Login) -> str:
    if own := known.get("base-url-nerdgraph"):
        return without_login(own, f"Secret {known.name!r}")[0]
    region = known.get("region", "us").lower()
    if region not in ADDRESSES:
        raise Invalid(f"'region' of Secret {known.name!r} is neither us nor eu: correct it")
    return ADDRESSES[region]
