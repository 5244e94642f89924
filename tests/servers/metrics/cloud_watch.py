"""CloudWatch's GetMetricData, in the JSON protocol of Amazon's API, for what moto does not do: math, pages, errors."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.servers.metrics.checking import Wrong, expect
from tests.servers.recording import Answer, Asked

KEY = "AKIAIOSFODNN7PLANTED"
SECRET_KEY = "planted/secret+access+key"
TARGET = "GraniteServiceVersion20100801.GetMetricData"
JSON = {"content-type": "application/x-amz-json-1.0"}
QUERY = {"Id", "Expression", "Label", "MetricStat", "Period", "ReturnData", "AccountId"}


def error(code: str, message: str, status: int = 400) -> Answer:
    """An error as CloudWatch words it."""
    return status, JSON, {"__type": f"com.amazonaws.cloudwatch#{code}", "message": message}


def cloud_watch(*pages: Mapping[str, Any]) -> Callable[[Asked], Answer]:
    """Answer with these pages, one after the other by the token of the one before."""

    def answer(asked: Asked) -> Answer:
        try:
            place = _checked(asked, len(pages))
        except Wrong as wrong:
            return error("ValidationError", str(wrong), wrong.status)
        further = {"NextToken": f"page-{place + 1}"} if place + 1 < len(pages) else {}
        return 200, JSON, {"Messages": []} | dict(pages[place]) | further

    return answer


def _checked(asked: Asked, pages: int) -> int:
    """Check a request, and say which page it asks for."""
    expect(asked.method == "POST" and asked.path == "/", "GetMetricData is a POST of /")
    expect(asked.headers.get("x-amz-target") == TARGET, asked.headers.get("x-amz-target"))
    signed = re.match(
        rf"AWS4-HMAC-SHA256 Credential={KEY}/\d{{8}}/eu-west-1/monitoring/aws4_request, ",
        asked.headers.get("authorization", ""),
    )
    expect(signed is not None, "the request is not signed", 403)
    body = asked.json
    expect(set(body) <= {"StartTime", "EndTime", "MetricDataQueries", "NextToken"}, list(body))
    expect(body["StartTime"] < body["EndTime"], "StartTime must be before EndTime")
    for query in body["MetricDataQueries"]:
        expect(set(query) <= QUERY and ("Expression" in query) != ("MetricStat" in query), query)
        expect(re.fullmatch(r"[a-z][A-Za-z0-9_]*", query["Id"]) is not None, f"Id {query['Id']}")
    token = body.get("NextToken", "page-0")
    expect(token in {f"page-{place}" for place in range(pages)}, f"NextToken {token}")
    return int(token.removeprefix("page-"))


def result(name: str, *values: float, status: str = "Complete", label: str = "") -> dict[str, Any]:
    """The result of one query, a number each minute."""
    times: Sequence[float] = [1767268800.0 - place * 60 for place in range(len(values))]
    return {
        "Id": name,
        "Label": label or name,
        "Values": list(values),
        "Timestamps": list(times),
        "StatusCode": status,
    }


def page(*results: Mapping[str, Any], messages: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """One page of results."""
    return {"MetricDataResults": list(results), "Messages": list(messages)}
