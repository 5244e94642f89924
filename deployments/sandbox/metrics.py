"""A metric server with Prometheus' query API, whose numbers come from what is deployed.

Every healthy Application has `http_error_rate{app, image_tag}`, 0.01 unless set otherwise, and `up` is 1.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.sandbox.image_reference import tag_of
from deployments.sandbox.metrics_selector import BadQuery, Selector, parse
from deployments.sandbox.request_body import read_bytes

Labels = Mapping[str, str]
ERROR_RATE = "http_error_rate"
DEFAULT = 0.01
SETTINGS_LIMIT = 1000
"""Series one can set."""


class Metrics:
    """The numbers: derived from Applications, replaced or added to by what was set."""

    def __init__(self, applications: Callable[[], list[dict[str, Any]]], state: Any = None) -> None:
        """Derive from the present Applications; continue from a snapshot of what was set."""
        self._applications = applications
        self._settings: list[tuple[dict[str, str], float]] = [(dict(labels), value) for labels, value in state or []]

    def snapshot(self) -> Any:
        """Give what was set."""
        return [list(pair) for pair in self._settings]

    def set(self, name: str, labels: Labels, value: float | None) -> None:
        """Set a series, or with None forget it.

        An `http_error_rate` whose `app` is an Application here sets the number its workload will show, when
        it is up and runs that `image_tag`; everything else is a series of its own.
        """
        series = {"__name__": name, **labels}
        self._settings = [(known, number) for known, number in self._settings if known != series]
        if value is not None:
            self._settings = [*self._settings, (series, value)][-SETTINGS_LIMIT:]

    def select(self, selector: Selector) -> list[tuple[dict[str, str], float]]:
        """List the series that a query means."""
        return [(labels, value) for labels, value in self._series() if selector.accepts(labels)]

    def _series(self) -> Iterator[tuple[dict[str, str], float]]:
        applications = self._applications()
        names = {item["metadata"]["name"] for item in applications}
        yield {"__name__": "up", "job": "sandbox", "instance": "sandbox"}, 1.0
        for item in applications:
            for labels in _derived(item):
                yield labels, self._number(labels)
        for labels, value in self._settings:
            if not (labels["__name__"] == ERROR_RATE and labels.get("app") in names):
                yield labels, value

    def _number(self, series: Labels) -> float:
        """Find what was set last for a derived series, by the labels that were given."""
        fitting = (value for labels, value in reversed(self._settings) if labels.items() <= series.items())
        return next(fitting, DEFAULT)


def _derived(application: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the series of one Application: one per image, none unless it is healthy."""
    status = application.get("status") or {}
    if (status.get("health") or {}).get("status") == "Healthy":
        for image in (status.get("summary") or {}).get("images") or []:
            yield {"__name__": ERROR_RATE, "app": application["metadata"]["name"], "image_tag": tag_of(image)}


class PrometheusApi:
    """The query endpoint under `/prometheus`."""

    def __init__(self, metrics: Metrics) -> None:
        """Answer from `metrics`."""
        self.metrics = metrics

    def routes(self) -> list[Route]:
        """List the routes."""
        return [Route("/prometheus/api/v1/query", self.query, methods=["GET", "POST"])]

    async def query(self, request: Request) -> Response:
        """Answer an instant query, in Prometheus' JSON; 400 `bad_data` for what cannot be read."""
        given = dict(request.query_params)
        if request.method == "POST":
            given |= dict(parse_qsl((await read_bytes(request)).decode(errors="replace")))
        try:
            moment = float(given.get("time", time.time()))
            found = self.metrics.select(parse(given.get("query", "")))
        except (BadQuery, ValueError) as error:
            return JSONResponse({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)
        result = [{"metric": labels, "value": [moment, _text(value)]} for labels, value in found]
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})


def _text(value: float) -> str:
    """Write a number as Prometheus does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.17g}" if float(f"{value:.15g}") != value else f"{value:.15g}"
