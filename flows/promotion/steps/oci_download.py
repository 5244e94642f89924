"""oci-download: bring one layer of an OCI artifact, such as a chart, into a file."""

from typing import IO

from pydantic import Field

from blocks.errors import Refused
from blocks.registry.pulls import find_layer, pull_blob
from blocks.registry.session import Session
from flows.model import Model
from flows.promotion.artifacts import located
from flows.promotion.downloaded import LARGEST, put, target
from flows.promotion.result import Outputs, StepContext, Succeeded

OUTWARD = False


class Config(Model):
    """What to bring from where."""

    image_ref: str = Field(
        min_length=1,
        description="The artifact, with tag or digest; with `oci://` before it, a chart's credentials are used.",
    )
    out_path: str = Field(min_length=1, description="The file to make, relative to the working directory.")
    allow_overwrite: bool = Field(default=False, description="Whether another file that is there is replaced.")
    media_type: str = Field(default="", description="Media type of the layer; the first layer if not given.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the registry's certificate."
    )


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Find the layer and bring it, whole or not at all."""
    target(ctx, config.out_path)
    session, version = await _open(config, ctx)
    layer = await find_layer(session, version, config.media_type)
    if layer.size > LARGEST:
        raise Refused(f"layer {layer.digest} has {layer.size} bytes, more than {LARGEST}, the limit")
    await _bring(config, ctx, session, layer.digest)
    return Succeeded({"digest": layer.digest})


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Bring the same layer again, wherever its tag points by now."""
    session, _ = await _open(config, ctx)
    await _bring(config.model_copy(update={"allow_overwrite": True}), ctx, session, outputs["digest"])


async def _open(config: Config, ctx: StepContext) -> tuple[Session, str]:
    repo_url, version, credentials = await located(ctx, config.image_ref)
    return await ctx.registry.opened(repo_url, credentials, insecure=config.insecure_skip_tls_verify), version


async def _bring(config: Config, ctx: StepContext, session: Session, digest: str) -> None:
    async def bring(file: IO[bytes]) -> str:
        await pull_blob(session, digest, file, LARGEST)
        return digest

    await put(target(ctx, config.out_path), config.out_path, config.allow_overwrite, bring)
