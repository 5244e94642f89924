"""Datadog's API: queries of v1, and scalar queries of v2."""

from collections.abc import Callable
from typing import Any

from tests.servers.metrics.checking import checked, expect, parameters, path_of
from tests.servers.recording import Answer, Asked

API_KEY, APP_KEY = "dd-api-key-planted", "dd-app-key-planted"
AGGREGATORS = {"avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"}
LIMITS = {
    "X-RateLimit-Limit": "600",
    "X-RateLimit-Period": "3600",
    "X-RateLimit-Remaining": "599",
    "X-RateLimit-Reset": "1200",
    "X-RateLimit-Name": "query_scalar_public",
}


def datadog(v1: Any = None, v2: Any = None) -> Callable[[Asked], Answer]:
    """Answer queries of either version with these bodies."""

    def answer(asked: Asked) -> Answer:
        keys = asked.headers.get("dd-api-key"), asked.headers.get("dd-application-key")
        expect(keys == (API_KEY, APP_KEY), "Forbidden", 403)
        if path_of(asked) == "/api/v1/query":
            _check_v1(asked)
            return 200, LIMITS, v1
        expect(path_of(asked) == "/api/v2/query/scalar", "Not found", 404)
        _check_v2(asked)
        return 200, LIMITS, v2

    return checked(answer, lambda sentence: {"errors": [sentence]})


def _check_v1(asked: Asked) -> None:
    expect(asked.method == "GET", "v1 is asked by GET")
    given = parameters(asked, "from", "to", "query")
    expect(int(given["from"]) < int(given["to"]) < 10**10, "times are seconds")
    expect(bool(given["query"].strip()), "the query is empty")


def _check_v2(asked: Asked) -> None:
    expect(asked.method == "POST", "v2 is asked by POST")
    expect(asked.headers["content-type"] == "application/json", asked.headers["content-type"])
    expect(set(asked.json) == {"data"}, "the body holds data")
    data = asked.json["data"]
    expect(data["type"] == "scalar_request", data["type"])
    attributes = data["attributes"]
    expect(set(attributes) <= {"from", "to", "queries", "formulas"}, list(attributes))
    expect(10**12 < attributes["from"] < attributes["to"], "times are milliseconds")
    names = [each["name"] for each in attributes["queries"]]
    expect(bool(names) and len(set(names)) == len(names), f"names are {names}")
    for each in attributes["queries"]:
        expect(set(each) == {"aggregator", "data_source", "name", "query"}, list(each))
        expect(each["data_source"] == "metrics" and each["aggregator"] in AGGREGATORS, each)
    expect(all(set(each) == {"formula"} and each["formula"] for each in attributes["formulas"]), "empty formula")


def points(*values: float | None) -> dict[str, Any]:
    """A good answer of v1 with one series."""
    pointlist = [[1767268800000.0 + place * 1000, value] for place, value in enumerate(values)]
    series = [{"metric": "errors", "pointlist": pointlist, "scope": "*", "interval": 1, "length": len(pointlist)}]
    return {"status": "ok", "res_type": "time_series", "series": series, "query": "q", "message": ""}


def columns(*found: dict[str, Any]) -> dict[str, Any]:
    """A good answer of v2."""
    return {"data": {"id": "0", "type": "scalar_response", "attributes": {"columns": list(found)}}}


def numbers(*values: Any, name: str = "q") -> dict[str, Any]:
    """A column of numbers."""
    return {"name": name, "type": "number", "meta": {"unit": [None, None]}, "values": list(values)}


def group(name: str, *tags: Any) -> dict[str, Any]:
    """A column of one tag's values."""
    return {"name": name, "type": "group", "values": [[tag] if isinstance(tag, str) else tag for tag in tags]}
