"""http: ask an HTTP server, and decide by its answer."""

from typing import Literal, Self

from pydantic import Field, model_validator

from blocks.errors import DrayageError, Invalid
from blocks.guarded_client import guarded_client
from blocks.http_client import Limits, request
from flows.duration import parse_duration
from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined, code, cut, fenced
from flows.promotion.http_answer import Answer, Criteria, decide
from flows.promotion.result import StepContext, StepResult
from flows.promotion.web_address import Pair, Positive, full_url, headers, shown, without_secrets

OUTWARD = True

LARGEST = 2 * 1024 * 1024
"""Bytes of a request's and of a response's body, at most."""

LONGEST_SHOWN = 4_000
"""Characters of a body that are shown when it is not sent."""


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


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Say what would be sent, without the headers' values and the URL's parameters, where secrets are."""
    names = ", ".join(code(header.name) for header in config.headers)
    said = f"would send {config.method} {code(shown(full_url(config.url, [])))}"
    said += f" with the header{'s' if len(config.headers) > 1 else ''} {names}" if names else ""
    body = f" and this body:\n\n{fenced(cut(config.body, LONGEST_SHOWN))}" if config.body else ""
    return Foreseen(said + body, known=not config.outputs)


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
    url = full_url(config.url, config.query_params)
    limits = Limits(parse_duration(config.timeout).total_seconds(), attempts=1, max_bytes=LARGEST)
    try:
        async with guarded_client(str(url), insecure=config.insecure_skip_tls_verify, proxy=config.proxy) as http:
            response = await request(
                http,
                config.method,
                str(url),
                headers=headers(config.headers),
                limits=limits,
                accept_errors=tuple(range(100, 600)),
                content=content or None,
            )
    except DrayageError as error:
        raise without_secrets(error, url) from None
    return Answer(response.status_code, response.headers.multi_items(), response.content)
