"""CloudWatch's GetMetricData, in the JSON protocol of Amazon's API, over the numbers that Prometheus has.

Every period of the time that is asked for has the number of now, for the sandbox remembers none.
"""

import re
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.sandbox.basic_auth import Users
from deployments.sandbox.metric_queries import calculate, series
from deployments.sandbox.metrics import Metrics
from deployments.sandbox.metrics_selector import BadQuery
from deployments.sandbox.request_body import read_object

TARGET = "GraniteServiceVersion20100801.GetMetricData"
SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/[\w-]+/monitoring/aws4_request, ")
OVER: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Average": fmean,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}
MOST_PERIODS = 1_440


class CloudWatchApi:
    """The API under `/cloudwatch`. With users, an access key is a user's name; signatures are not calculated."""

    def __init__(self, metrics: Metrics, users: Users) -> None:
        """Answer from `metrics`."""
        self.metrics = metrics
        self.users = users

    def routes(self) -> list[Route]:
        """List the routes."""
        return [Route(path, self.answer, methods=["POST"]) for path in ("/cloudwatch", "/cloudwatch/")]

    async def answer(self, request: Request) -> Response:
        """Answer GetMetricData; errors are those that CloudWatch has."""
        signed = SIGNED.match(request.headers.get("authorization", ""))
        if signed is None or (self.users and signed[1] not in self.users):
            return _error("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
        if request.headers.get("x-amz-target") != TARGET:
            return _error("UnknownOperationException", "the sandbox knows GetMetricData alone")
        try:
            return _json({"MetricDataResults": self._results(await read_object(request)), "Messages": []})
        except BadQuery as error:
            return _error("ValidationError", str(error))
        except (KeyError, TypeError, ValueError, AttributeError, HTTPException):
            return _error("ValidationError", "the body is no request of GetMetricData")

    def _results(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        queries = asked["MetricDataQueries"]
        numbers: dict[str, float] = {}
        for query in queries:
            if "MetricStat" in query and (number := self._number(query["MetricStat"])) is not None:
                numbers[query["Id"]] = number
        shortest = min((int(each["MetricStat"]["Period"]) for each in queries if "MetricStat" in each), default=60)
        moments = _moments(float(asked["StartTime"]), float(asked["EndTime"]), shortest)
        return [_result(query, numbers, queries, moments) for query in queries if query.get("ReturnData", True)]

    def _number(self, stat: Mapping[str, Any]) -> float | None:
        metric = stat["Metric"]
        labels = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
        if stat["Stat"] not in OVER:
            raise BadQuery(f"Stat {stat['Stat']!r} is none of the sandbox's: {', '.join(OVER)}")
        found = [value for _, value in series(self.metrics, metric["MetricName"], labels)]
        return OVER[stat["Stat"]](found) if found else None


def _result(
    query: Mapping[str, Any], numbers: Mapping[str, float], queries: list[Mapping[str, Any]], moments: list[float]
) -> dict[str, Any]:
    expression = query.get("Expression") or query["Id"]
    missing = [each["Id"] for each in queries if "MetricStat" in each and each["Id"] not in numbers]
    if any(re.search(rf"\b{re.escape(name)}\b", expression) for name in missing):
        number = None
    else:
        number = calculate(expression, numbers)
    times = [] if number is None else moments
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or query["Id"],
        "Values": [number] * len(times),
        "Timestamps": times,
        "StatusCode": "Complete",
    }


def _moments(start: float, end: float, period: int) -> list[float]:
    """Begin of each whole period, the newest first."""
    if period <= 0 or start >= end:
        raise BadQuery("The parameter StartTime must be less than the parameter EndTime, and Period more than 0.")
    count = min(MOST_PERIODS, max(1, int((end - start) // period)))
    return [end - (place + 1) * period for place in range(count)]


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(body, status, media_type="application/x-amz-json-1.0")


def _error(code: str, message: str, status: int = 400) -> Response:
    return _json({"__type": f"com.amazonaws.cloudwatch#{code}", "message": message}, status)
