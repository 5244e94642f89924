"""Asks Datadog through its own client, which knows paths, bodies and headers; the requests go our way.

Imported when first needed, for the client is large.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import httpx
from datadog_api_client.api_client import AsyncApiClient
from datadog_api_client.configuration import Configuration
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsApiV1
from datadog_api_client.v2.api.metrics_api import MetricsApi as MetricsApiV2
from datadog_api_client.v2.model.metrics_aggregator import MetricsAggregator
from datadog_api_client.v2.model.metrics_data_source import MetricsDataSource
from datadog_api_client.v2.model.metrics_scalar_query import MetricsScalarQuery
from datadog_api_client.v2.model.query_formula import QueryFormula
from datadog_api_client.v2.model.scalar_formula_query_request import ScalarFormulaQueryRequest
from datadog_api_client.v2.model.scalar_formula_request import ScalarFormulaRequest
from datadog_api_client.v2.model.scalar_formula_request_attributes import ScalarFormulaRequestAttributes
from datadog_api_client.v2.model.scalar_formula_request_queries import ScalarFormulaRequestQueries
from datadog_api_client.v2.model.scalar_formula_request_type import ScalarFormulaRequestType

from blocks.errors import BadAnswer, Invalid
from blocks.metrics.service import SHOWN, Service, words


@dataclass(frozen=True)
class Keys:
    """Who asks, and where: `address` is that of the API, such as `https://api.datadoghq.eu`."""

    address: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """One value, or with groups one each; None when there are no data. `groups` are names, in the values' order."""

    value: float | tuple[float, ...] | None
    groups: tuple[str, ...] | None = None


async def query_v1(service: Service, keys: Keys, query: str, start: datetime, end: datetime) -> Answer:
    """Return the last point of the first series. Raises Invalid with Datadog's words, and as `service.ask`."""
    with _client(service, keys) as client:
        asking = MetricsApiV1(client).query_metrics(int(start.timestamp()), int(end.timestamp()), query)
        decoded = service.object(await cast(Any, asking))
    if decoded.get("status") == "error" or decoded.get("error"):
        raise _refused(service, decoded)
    try:
        series = decoded.get("series") or []
        points = series[0]["pointlist"] if series else []
        return Answer(_number(points[-1][1]) if points else None)
    except (KeyError, IndexError, TypeError, ValueError):
        raise _odd(service) from None


async def query_v2(
    service: Service,
    keys: Keys,
    queries: Mapping[str, str],
    formula: str,
    aggregator: str,
    start: datetime,
    end: datetime,
) -> Answer:
    """Return the first column of numbers, with its groups. Raises Invalid with Datadog's words."""
    body = _scalar_request(queries, formula, aggregator, start, end)
    with _client(service, keys) as client:
        decoded = service.object(await cast(Any, MetricsApiV2(client).query_scalar_data(body)))
    data = decoded.get("data") or {}
    if decoded.get("errors") or (isinstance(data, dict) and data.get("errors")):
        raise _refused(service, decoded if decoded.get("errors") else data)
    try:
        return _columns(data["attributes"]["columns"] or [])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _odd(service) from None


def _scalar_request(
    queries: Mapping[str, str], formula: str, aggregator: str, start: datetime, end: datetime
) -> ScalarFormulaQueryRequest:
    asked = [
        MetricsScalarQuery(
            aggregator=MetricsAggregator(aggregator), data_source=MetricsDataSource.METRICS, name=name, query=query
        )
        for name, query in queries.items()
    ]
    attributes = ScalarFormulaRequestAttributes(
        _from=int(start.timestamp()) * 1000,
        to=int(end.timestamp()) * 1000,
        queries=ScalarFormulaRequestQueries(cast(Any, asked)),
        formulas=[QueryFormula(formula=formula)] if formula else [],
    )
    request = ScalarFormulaRequest(attributes=attributes, type=ScalarFormulaRequestType.SCALAR_REQUEST)
    return ScalarFormulaQueryRequest(data=request)


def _columns(columns: list[dict[str, Any]]) -> Answer:
    """Read columns: of numbers, the first counts; those of groups name its rows. A row without a number has no data."""
    numbers: list[Any] = next((each["values"] for each in columns if each.get("type", "number") == "number"), [])
    groups = [each["values"] for each in columns if each.get("type") == "group"]
    rows = [(row, number) for row, each in enumerate(numbers) if (number := _number(each)) is not None]
    if not rows:
        return Answer(None)
    if not groups:
        return Answer(rows[0][1])
    return Answer(tuple(number for _, number in rows), tuple(_group(groups, row) for row, _ in rows))


def _group(groups: list[list[list[str]]], row: int) -> str:
    if not all(values[row] for values in groups):
        raise ValueError("a group without a name")
    return ",".join(str(tag) for values in groups for tag in values[row])


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, float):
        raise ValueError("no number")
    return None if math.isnan(value) else value


def _refused(service: Service, decoded: Mapping[str, Any]) -> Invalid:
    return Invalid(f"{service.called} cannot answer the query: {words(decoded)[:SHOWN] or 'without a reason'}")


def _odd(service: Service) -> BadAnswer:
    return service.odd("a document that is none of its API's")


def _client(service: Service, keys: Keys) -> "_Client":
    api_key = {"apiKeyAuth": keys.api_key, "appKeyAuth": keys.app_key}
    return _Client(Configuration(host=keys.address, api_key=api_key, preload_content=False), service)


class _Client(AsyncApiClient):
    """Datadog's client, whose requests go through our budgets, limits and guards."""

    def __init__(self, configuration: Configuration, service: Service) -> None:
        self._service = service
        super().__init__(configuration)

    def _build_rest_client(self) -> "_Requests":
        return _Requests(self._service)

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close: connections are not the client's own."""


class _Requests:
    """What the client sends its requests with."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def request(
        self,
        method: str,
        url: str,
        query_params: list[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        **_: Any,
    ) -> httpx.Response:
        """Send one request; what else the client says of how has no meaning here."""
        options: dict[str, Any] = {"params": query_params} if query_params else {}
        if body is not None:
            options["json"] = body
        return await self._service.ask(method, url, headers=headers, **options)
