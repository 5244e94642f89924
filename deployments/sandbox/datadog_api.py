"""A metric server with Datadog's query API, both versions, over the numbers that Prometheus has."""

import re
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.sandbox.basic_auth import Users
from deployments.sandbox.metric_queries import calculate, series
from deployments.sandbox.metrics import Metrics
from deployments.sandbox.metrics_selector import BadQuery
from deployments.sandbox.request_body import read_object

QUERY = re.compile(r"\s*(avg|sum|min|max):([\w.]+)\{([^{}]*)\}\s*(?:by\s*\{([^{}]*)\})?((?:\.\w+\([\w,. ]*\))*)\s*")
OVER: dict[str, Callable[[list[float]], float]] = {"avg": fmean, "sum": sum, "min": min, "max": max}
LIMITS = {
    "x-ratelimit-limit": "600",
    "x-ratelimit-remaining": "599",
    "x-ratelimit-period": "3600",
    "x-ratelimit-reset": "3600",
    "x-ratelimit-name": "query_scalar_public",
}
Groups = dict[tuple[str, ...], float]
"""Numbers by the values of the tags that a query groups by; of one that does not, by nothing."""


class DatadogApi:
    """The query endpoints under `/datadog`. With users, an API key is one of their passwords."""

    def __init__(self, metrics: Metrics, users: Users) -> None:
        """Answer from `metrics`."""
        self.metrics = metrics
        self.users = users

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/datadog/api/v1/query", self.points, methods=["GET"]),
            Route("/datadog/api/v2/query/scalar", self.scalars, methods=["POST"]),
        ]

    async def points(self, request: Request) -> Response:
        """Answer a query of version 1: one series for each group, with one point, now."""
        if not self._admits(request):
            return _error("Forbidden", 403)
        given = request.query_params
        try:
            end = int(given.get("to", ""))
            tags, groups = self._groups(given.get("query", ""))
        except (BadQuery, ValueError) as error:
            return _error(str(error))
        found = [
            {"scope": _scope(tags, group), "pointlist": [[end * 1000.0, value]]} for group, value in groups.items()
        ]
        return _ok({"status": "ok", "res_type": "time_series", "query": given["query"], "series": found})

    async def scalars(self, request: Request) -> Response:
        """Answer queries of version 2 with a column of numbers for each formula, or for each query without one."""
        if not self._admits(request):
            return _error("Forbidden", 403)
        try:
            wanted = (await read_object(request))["data"]["attributes"]
            asked = {each["name"]: self._groups(each["query"]) for each in wanted["queries"]}
            formulas = [each["formula"] for each in wanted.get("formulas") or []]
            columns = _columns(asked, formulas or list(asked))
        except BadQuery as error:
            return _error(str(error))
        except (KeyError, TypeError, AttributeError):
            return _error("the body is no scalar request")
        return _ok({"data": {"type": "scalar_response", "attributes": {"columns": columns}}})

    def _admits(self, request: Request) -> bool:
        key, application = (request.headers.get(name, "") for name in ("dd-api-key", "dd-application-key"))
        return bool(key and application) and (not self.users or key in self.users.values())

    def _groups(self, query: str) -> tuple[list[str], Groups]:
        """Read and answer one query: the tags it groups by, and a number for each group."""
        match = QUERY.fullmatch(query)
        if match is None:
            raise BadQuery(f"error parsing query: {query!r} is none that the sandbox knows, such as avg:up{{*}}")
        over, name, scope, by = match.group(1, 2, 3, 4)
        tags = [tag.strip() for tag in (by or "").split(",") if tag.strip()]
        found: dict[tuple[str, ...], list[float]] = {}
        for labels, value in series(self.metrics, name, _labels(scope)):
            found.setdefault(tuple(labels.get(tag, "N/A") for tag in tags), []).append(value)
        return tags, {group: OVER[over](values) for group, values in sorted(found.items())}


def _labels(scope: str) -> dict[str, str]:
    pairs = [pair.strip().partition(":") for pair in scope.split(",") if pair.strip() not in ("", "*")]
    return {tag: value for tag, _, value in pairs}


def _columns(asked: Mapping[str, tuple[list[str], Groups]], formulas: list[str]) -> list[dict[str, Any]]:
    tags = next((tags for tags, _ in asked.values()), [])
    rows = sorted({group for _, groups in asked.values() for group in groups})
    named = [
        {"name": tag, "type": "group", "values": [[row[place]] for row in rows if place < len(row)]}
        for place, tag in enumerate(tags)
    ]
    numbers = [{name: groups[row] for name, (_, groups) in asked.items() if row in groups} for row in rows]
    return named + [
        {"name": formula, "type": "number", "values": [_number(formula, each, asked) for each in numbers]}
        for formula in formulas
    ]


def _number(formula: str, numbers: Mapping[str, float], asked: Mapping[str, Any]) -> float | None:
    """Calculate one row; where a query has no number there is none."""
    missing = [name for name in asked if name not in numbers and re.search(rf"\b{re.escape(name)}\b", formula)]
    return None if missing else calculate(formula, numbers)


def _scope(tags: list[str], group: tuple[str, ...]) -> str:
    return ",".join(f"{tag}:{value}" for tag, value in zip(tags, group, strict=True)) or "*"


def _ok(body: Mapping[str, Any]) -> Response:
    return JSONResponse(body, headers=LIMITS)


def _error(sentence: str, status: int = 400) -> Response:
    return JSONResponse({"errors": [sentence]}, status)
