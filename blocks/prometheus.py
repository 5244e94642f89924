"""Asks a Prometheus server one question over its HTTP API."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from blocks.errors import BadAnswer, Invalid, Unauthorized
from blocks.http_client import Limits
from blocks.metrics.address import without_login
from blocks.records import Sample
from blocks.web import Web

MOST_WARNINGS, MOST_WARNING = 5, 300
"""How many warnings are kept with an answer, and how many characters of each."""

Opening = Callable[[str, str, Mapping[str, str], bytes], Awaitable[dict[str, str]]]


@dataclass(frozen=True)
class Range:
    """A stretch of time and the distance of its points."""

    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True)
class Question:
    """One query: for this instant, or for a range. `timeout` in seconds; basic and bearer logins go in `headers`."""

    address: str = field(repr=False)
    query: str
    range: Range | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    insecure: bool = False


async def query(question: Question, web: Web, account: str = "", opening: Opening | None = None) -> Sample:
    """Return what Prometheus says: a number for a scalar, else a tuple of numbers, empty when there are no series.

    A range gives the points of all its series in one tuple. `opening` makes of a request's method, URL, headers and
    body the headers that open the server. Raises Invalid with Prometheus' own sentence for bad PromQL, Unauthorized,
    and what `web.request` raises; `account` is for its budgets.
    """
    asked = _without_login_in_url(question)
    url = f"{asked.address}/api/v1/{'query_range' if asked.range else 'query'}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | dict(asked.headers)
    body = urlencode(_form(asked)).encode()
    answer = await web.request(
        "POST",
        url,
        headers=await opening("POST", url, headers, body) if opening else headers,
        content=body,
        limits=Limits(timeout=asked.timeout, attempts=3),
        accept_errors=(400, 401, 403, 422),
        insecure=asked.insecure,
        account=account,
    )
    value, warnings = _value(asked, answer)
    return Sample(value, datetime.now(UTC), {"ResolvedPrometheusQuery": question.query} | warnings)


def _without_login_in_url(question: Question) -> Question:
    """Move `user:password@` out of the address, so that no message can repeat it."""
    address, login = without_login(question.address, "a Prometheus metric")
    return replace(question, address=address, headers=login | dict(question.headers))


def _form(question: Question) -> dict[str, str]:
    form = {"query": question.query, "timeout": f"{question.timeout:g}s"}
    if question.range is None:
        return form
    wanted = question.range
    return form | {
        "start": f"{wanted.start.timestamp():.3f}",
        "end": f"{wanted.end.timestamp():.3f}",
        "step": f"{wanted.step.total_seconds():g}",
    }


def _json(url: str, answer: httpx.Response) -> dict[str, Any]:
    try:
        decoded = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        decoded = None
    if not isinstance(decoded, dict):
        raise BadAnswer(f"POST {url} answered no JSON object: check the address of the metric")
    return decoded


def _value(question: Question, answer: httpx.Response) -> tuple[Any, dict[str, str]]:
    if answer.status_code in (401, 403):
        raise Unauthorized(
            f"Prometheus at {question.address} answered {answer.status_code}: "
            "check headers and authentication of the metric"
        )
    body = _json(question.address, answer)
    if body.get("status") != "success":
        raise Invalid(f"Prometheus at {question.address} cannot answer the query: {body.get('error', '')}")
    data = body.get("data") or {}
    try:
        return _numbers(data["resultType"], data["result"]), _warnings(body.get("warnings"))
    except (KeyError, TypeError, ValueError, IndexError):
        kind = data.get("resultType")
        raise BadAnswer(
            f"Prometheus at {question.address} answered a {kind} that holds no numbers: change the query"
        ) from None


def _warnings(said: Any) -> dict[str, str]:
    """What Prometheus says beside its answer, such as that a part of it is missing."""
    listed = [str(each)[:MOST_WARNING] for each in said[:MOST_WARNINGS]] if isinstance(said, list) else []
    return {"warnings": "; ".join(listed)} if listed else {}


def _numbers(kind: str, result: Any) -> float | tuple[float, ...]:
    match kind:
        case "scalar":
            return float(result[1])
        case "vector":
            return tuple(float(series["value"][1]) for series in result)
        case "matrix":
            return tuple(float(point[1]) for series in result for point in series["values"])
    raise ValueError(kind)
