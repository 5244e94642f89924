"""http-download: bring a file from an HTTP server."""

from typing import IO

from pydantic import Field

from blocks.download import download
from blocks.errors import DrayageError, Invalid
from blocks.guarded_client import guarded_client
from blocks.http_client import Limits
from flows.duration import parse_duration
from flows.model import Model
from flows.promotion.downloaded import LARGEST, put, target
from flows.promotion.result import Outputs, StepContext, Succeeded
from flows.promotion.web_address import Pair, Positive, full_url, headers, shown, without_secrets

OUTWARD = False


class Config(Model):
    """What to bring from where."""

    url: str = Field(min_length=1, description="The URL; redirects are followed.")
    out_path: str = Field(min_length=1, description="The file to make, relative to the working directory.")
    allow_overwrite: bool = Field(default=False, description="Whether another file that is there is replaced.")
    headers: list[Pair] = Field(default_factory=list, description="Headers to send.")
    query_params: list[Pair] = Field(default_factory=list, description="Parameters added to the URL's.")
    timeout: Positive = Field(default="5m", description="Longest time for all of it.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the server's certificate."
    )


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Bring the file, whole or not at all."""
    path = target(ctx, config.out_path)
    digest = await put(path, config.out_path, config.allow_overwrite, lambda file: _bring(config, file))
    return Succeeded({"digest": digest})


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Bring it again. Raises Invalid when something else is there by now."""
    result = await run(config.model_copy(update={"allow_overwrite": True}), ctx)
    if outputs.get("digest") not in (None, result.outputs["digest"]):
        where = shown(full_url(config.url, ()))
        raise Invalid(f"{where} has another file than when this promotion began; abort it and start another")


async def _bring(config: Config, file: IO[bytes]) -> str:
    url = full_url(config.url, config.query_params)
    limits = Limits(parse_duration(config.timeout).total_seconds(), attempts=1, max_bytes=LARGEST)
    try:
        async with guarded_client(str(url), insecure=config.insecure_skip_tls_verify) as http:
            _, digest = await download(http, str(url), file, headers=headers(config.headers), limits=limits)
    except DrayageError as error:
        raise without_secrets(error, url) from None
    return digest
