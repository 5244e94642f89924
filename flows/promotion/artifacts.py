"""References to OCI artifacts as steps take them: where they are, and with whose credentials they are asked for."""

from blocks.records import Credentials
from blocks.registry.reference import split_reference
from flows.promotion.result import StepContext


async def located(ctx: StepContext, reference: str) -> tuple[str, str, Credentials | None]:
    """Find repoURL, tag or digest, and credentials; `oci://` means a Helm chart's (Kargo). Raises Invalid."""
    repo_url, version = split_reference(reference)
    chart = reference.strip().startswith("oci://")
    credentials = (
        await ctx.credentials("helm", f"oci://{repo_url}") if chart else await ctx.credentials("image", repo_url)
    )
    return repo_url, version, credentials
