"""Measuring with Graphite's render API."""

from typing import Any
from urllib.parse import parse_qsl

from pydantic import Field

from blocks.errors import NotFound
from blocks.metrics.address import without_login
from blocks.metrics.service import Service
from flows.model import Model
from flows.verification.measuring import Context, Measured

TIMEOUT = 10.0


class Graphite(Model):
    """One query."""

    address: str = Field(min_length=1, description="URL of the server.")
    query: str = Field(min_length=1, description="Parameters of /render, such as target=…&from=-5min.")


async def measure(settings: Graphite, context: Context) -> Measured:
    """Return the numbers of the first target; points without one are left out. Raises NotFound without points."""
    address, headers = without_login(settings.address, "a Graphite metric")
    check = "check the login in the address of the metric"
    account = context.account(settings.address)
    service = Service(context.web, f"Graphite at {address}", check, account, TIMEOUT)
    answer = await service.ask("GET", f"{address}/render", params=_parameters(settings.query), headers=headers)
    targets = service.json(answer)
    try:
        points = targets[0]["datapoints"] if targets or not isinstance(targets, list) else []
        values = tuple(_number(value) for value, _ in points if value is not None)
    except (TypeError, KeyError, IndexError, ValueError):
        raise service.odd("no list of targets with datapoints") from None
    if not points:
        raise NotFound(f"{service.called} knows no values for the query: correct its target, or its time")
    return Measured(values)


def _parameters(query: str) -> list[tuple[str, str]]:
    """Read the parameters, which may be written on several lines: white space has no meaning in a target."""
    written = parse_qsl("".join(query.split()), keep_blank_values=True)
    return [(name, value) for name, value in written if name != "format"] + [("format", "json")]


def _number(value: Any) -> float:
    if isinstance(value, float | str):
        return float(value)
    raise ValueError(value)
