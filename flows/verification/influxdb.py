"""Measuring with InfluxDB: Flux queries over its API v2."""

import csv
from typing import Any

from pydantic import Field

from blocks.errors import Invalid, NotFound
from blocks.metrics import flux_csv
from blocks.metrics.address import without_login
from blocks.metrics.service import SHOWN, Service
from flows.model import Model
from flows.verification.login import login
from flows.verification.measuring import Context, Measured

SECRET = "influxdb"  # noqa: S105  a name
DIALECT = {
    "header": True,
    "delimiter": ",",
    "annotations": ["datatype", "group", "default"],
    "commentPrefix": "#",
    "dateTimeFormat": "RFC3339",
}


class Influxdb(Model):
    """One query."""

    profile: str = Field(default="", description="Secret with address, authToken and org; influxdb when unset.")
    query: str = Field(min_length=1, description="The query, in Flux.")


async def measure(settings: Influxdb, context: Context) -> Measured:
    """Return the `_value` of every record. Raises NotFound without records, and Invalid with InfluxDB's words."""
    known = await login(context, settings.profile or SECRET)
    address, _ = without_login(known["address"], f"Secret {known.name!r}")
    check = f"check 'authToken' and 'org' of Secret {known.name!r}"
    service = Service(context.web, "InfluxDB", check, known.account)
    answer = await service.ask(
        "POST",
        f"{address}/api/v2/query",
        params={"org": known["org"]},
        headers={"Authorization": f"Token {known['authToken']}", "Accept": "application/csv"},
        json={"query": settings.query, "type": "flux", "dialect": DIALECT},
    )
    values = _values(service, answer.text)
    if not values:
        raise NotFound("InfluxDB knows no records for the query: correct it, or its range")
    return Measured(values)


def _values(service: Service, text: str) -> list[Any]:
    try:
        return list(flux_csv.column(text, "_value"))
    except flux_csv.FluxError as error:
        raise Invalid(f"InfluxDB cannot answer the query: {str(error)[:SHOWN]}") from None
    except (ValueError, csv.Error):
        raise service.odd("no annotated CSV") from None
