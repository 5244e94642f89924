"""Measuring with Apache SkyWalking: whatever a GraphQL query answers."""

from pydantic import Field

from blocks.errors import NotFound
from blocks.metrics.address import without_login
from blocks.metrics.graphql import ask_graphql
from blocks.metrics.service import Service
from flows.duration import parse_duration
from flows.model import Model
from flows.verification.measuring import Context, Measured
from flows.verification.placeholder import Interval

MINUTE = "%Y-%m-%d %H%M"


class Skywalking(Model):
    """One query."""

    address: str = Field(min_length=1, description="URL of the OAP server.")
    query: str = Field(min_length=1, description="GraphQL with the variable $duration: Duration!.")
    interval: Interval = Field(default="5m", description="Length of the time window that ends now.")


async def measure(settings: Skywalking, context: Context) -> Measured:
    """Return the data of the answer. Minutes are those of UTC. Raises NotFound without data."""
    address, headers = without_login(settings.address, "a SkyWalking metric")
    account = context.account(settings.address)
    service = Service(context.web, f"SkyWalking at {address}", "check the login in the address of the metric", account)
    start = context.now - parse_duration(settings.interval)
    duration = {"start": start.strftime(MINUTE), "end": context.now.strftime(MINUTE), "step": "MINUTE"}
    data = await ask_graphql(service, f"{address}/graphql", settings.query, {"duration": duration}, headers)
    if data is None:
        raise NotFound(f"{service.called} has no data for the query: correct it")
    return Measured(data)
