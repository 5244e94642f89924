"""http: ask an HTTP server, and decide by its answer."""

from typing import Annotated, Literal, Self

import httpx
from pydantic import AfterValidator, Field, model_validator

from blocks.errors import DrayageError, Invalid, Retryable
from blocks.guarded_client import guarded_client
from blocks.http_client import Limits, request
from flows.duration import parse_duration
from flows.model import Model
from flows.promotion.http_answer import Answer, Criteria, decide
from flows.promotion.result import StepContext, StepResult

OUTWARD = True

LARGEST = 2 * 1024 * 1024
"""Bytes of a request's and of a response's body, at most."""


def _duration(text: str) -> str:
    try:
        seconds = parse_duration(text).total_seconds()
    except Invalid:
        raise ValueError("must be a duration such as 10s or 1m30s") from None
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return text


Positive = Annotated[str, AfterValidator(_duration)]


class Pair(Model):
    """A header or query parameter."""

    name: str = Field(min_length=1, description="Its name.")
    value: str = Field(min_length=1, description="Its value.")


class Output(Model):
    """One output."""

    name: str = Field(min_length=1, description="Its name.")
    from_expression: str = Field(min_length=1, description="Bare expression over `response`.")


class Config(Model):
    """What to ask, and what the answer means."""

    url: str = Field(min_length=1, description="The URL.")
    method: Literal["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"] = Field(default="GET", description="Method.")
    headers: list[Pair] = Field(default_factory=list, description="Headers to send.")
    query_params: list[Pair] = Field(default_factory=list, description="Parameters added to the URL's.")
    body: str = Field(default="", description="Body to send.")
    body_from_file: str = Field(default="", description="File whose content is the body.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the server's certificate."
    )
    proxy: str | None = Field(default=None, pattern=r"^https?://.*$", description="Proxy to go through.")
    timeout: Positive = Field(default="10s", description="Longest wait for the answer.")
    poll_interval: Positive = Field(default="30s", description="Pause while the criteria are not met.")
    response_content_type: Literal["application/json", "application/yaml", "text/plain"] | None = Field(
        default=None, description="How to read the body, whatever the answer says."
    )
    success_expression: str = Field(default="", description="Bare expression: true is success.")
    failure_expression: str = Field(default="", description="Bare expression: true is a final failure.")
    error_expression: str = Field(default="", description="Bare expression: why it failed.")
    outputs: list[Output] = Field(default_factory=list, description="What to take from the answer.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body and self.body_from_file:
            raise ValueError("a request has at most one of 'body' and 'bodyFromFile'")
        return self


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Ask once and decide; while the answer is not final the step waits and asks again."""
    outputs = {output.name: output.from_expression for output in config.outputs}
    poll = parse_duration(config.poll_interval).total_seconds()
    criteria = Criteria(config.success_expression, config.failure_expression, config.error_expression, outputs, poll)
    return decide(await _ask(config, _content(config, ctx)), criteria, config.response_content_type or "")


def _content(config: Config, ctx: StepContext) -> bytes:
    if not config.body_from_file:
        content = config.body.encode()
    else:
        path = ctx.path(config.body_from_file)
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Invalid(f"the request's body is larger than {LARGEST} bytes, the limit")
    return content


async def _ask(config: Config, content: bytes) -> Answer:
    url = _url(config)
    limits = Limits(parse_duration(config.timeout).total_seconds(), attempts=1, max_bytes=LARGEST)
    headers = httpx.Headers([(header.name, header.value) for header in config.headers])
    try:
        async with guarded_client(str(url), insecure=config.insecure_skip_tls_verify, proxy=config.proxy) as http:
            response = await request(
                http,
                config.method,
                str(url),
                headers=headers,
                limits=limits,
                accept_errors=tuple(range(100, 600)),
                content=content or None,
            )
    except DrayageError as error:
        raise _without_secrets(error, str(url), _shown(url)) from None
    return Answer(response.status_code, response.headers.multi_items(), response.content)


def _url(config: Config) -> httpx.URL:
    try:
        url = httpx.URL(config.url)
    except httpx.InvalidURL:
        raise Invalid("the config's url cannot be read as a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Invalid(f"the config's url must start with http:// or https:// and name a host; it is {_shown(url)!r}")
    if not config.query_params:
        return url
    added = [(parameter.name, parameter.value) for parameter in config.query_params]
    return url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *added]))


def _shown(url: httpx.URL) -> str:
    """The URL without user, password and parameters, where secrets are."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _without_secrets(error: DrayageError, url: str, shown: str) -> DrayageError:
    message = str(error).replace(url, shown)
    return type(error)(message, error.retry_after) if isinstance(error, Retryable) else type(error)(message)
