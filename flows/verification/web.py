"""Measuring with any web server that answers JSON."""

import json
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from blocks.errors import BadAnswer, Invalid, Unauthorized
from blocks.http_client import Limits
from flows.model import Model
from flows.verification.authentication import Authentication, Header, account, logged_in, opening
from flows.verification.json_path import as_floats, find
from flows.verification.measuring import Context, Measured
from flows.verification.placeholder import Count

MOST_BYTES = 2 * 1024 * 1024
DEFAULT_SECONDS = 10


class WebMetric(Model):
    """One request, and where its answer holds the value."""

    url: str = Field(min_length=1, description="What to ask.")
    method: Literal["GET", "POST", "PUT"] = Field(default="GET", description="How to ask.")
    headers: list[Header] = Field(default_factory=list, description="Headers to send, such as Authorization.")
    body: str = Field(default="", description="Text to send with POST or PUT.")
    json_body: Any = Field(default=None, description="JSON to send with POST or PUT.")
    timeout_seconds: Count = Field(default=DEFAULT_SECONDS, description="Seconds the answer may take.")
    json_path: str = Field(default="", description="Where the value is, such as {$.data.ok}; the whole when unset.")
    insecure: bool = Field(default=False, description="Skip the check of the server's certificate.")
    authentication: Authentication = Field(default_factory=Authentication, description="Other ways to log in.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.body and self.json_body is not None:
            raise ValueError("one of 'body' and 'jsonBody', not both")
        if (self.body or self.json_body is not None) and self.method == "GET":
            raise ValueError("'body' and 'jsonBody' need method POST or PUT")
        return self


async def measure(settings: WebMetric, context: Context) -> Measured:
    """Ask, and take the value out of the JSON that comes back; without a path, what is no JSON is a text.

    Raises Invalid for a URL or path that is none, BadAnswer for an answer that has no value at the path, and what
    `web.request` raises.
    """
    _check(settings.url)
    headers = {header.key: header.value for header in settings.headers}
    body = settings.body.encode()
    if settings.json_body is not None:
        headers, body = {"Content-Type": "application/json"} | headers, json.dumps(settings.json_body).encode()
    return await logged_in(settings.authentication, context, lambda: _asked(settings, context, headers, body))


async def _asked(settings: WebMetric, context: Context, headers: dict[str, str], body: bytes) -> Measured:
    login, seconds = settings.authentication, float(settings.timeout_seconds)
    whose = account(login, context, *headers.values(), settings.url)
    answer = await context.web.request(
        settings.method,
        settings.url,
        headers=await opening(login, context, whose, settings.method, settings.url, headers, body),
        account=whose,
        insecure=settings.insecure,
        accept_errors=(401, 403),
        limits=Limits(timeout=seconds if seconds > 0 else DEFAULT_SECONDS, max_bytes=MOST_BYTES),
        content=body,
    )
    if not answer.is_success:
        raise Unauthorized(
            f"{settings.method} {_place(settings.url)} answered {answer.status_code}: check headers and "
            "authentication of the metric"
        )
    return Measured(_value(settings, answer.content))


def _value(settings: WebMetric, body: bytes) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        if not settings.json_path:
            return body.decode(errors="replace")
        raise BadAnswer(
            f"{settings.method} {_place(settings.url)} answered no JSON: check the url of the metric"
        ) from None
    return as_floats(find(settings.json_path, document)) if settings.json_path else as_floats(document)


def _place(url: str) -> str:
    """The URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise Invalid("the url of a web metric is no http:// or https:// URL: correct it in the template")
