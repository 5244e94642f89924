"""oci-push: copy an image or another OCI artifact to a repository, or give it another tag in its own."""

from pydantic import Field

from blocks.registry.manifests import read_digest
from blocks.registry.pushes import Annotations, copy_artifact, read_annotated
from blocks.registry.reference import DIGEST, repository
from blocks.registry.session import Session
from flows.model import Model
from flows.promotion.artifacts import located
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.result import Outputs, Skipped, StepContext, StepResult, Succeeded

OUTWARD = True

LARGEST = 1024 * 1024 * 1024
"""Bytes of all blobs of an artifact that is copied to another repository, at most (Kargo's default)."""

INDEX, MANIFEST = "index:", "manifest:"


class Config(Model):
    """What to copy where."""

    src_ref: str = Field(
        min_length=1,
        description="The artifact, with tag or digest; with `oci://` before it, a chart's credentials are used.",
    )
    dest_ref: str = Field(min_length=1, description="Where it goes, with the tag it gets; `oci://` as above.")
    annotations: dict[str, str] = Field(
        default_factory=dict,
        description="Annotations to add to manifests; with `index:` before the key, to the index of a multi-platform "
        "image (`manifest:` says the former).",
    )
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the registries' certificates."
    )


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Copy what the target lacks; nothing when its tag already points at this very artifact."""
    source, version, target, tag = await _opened(config, ctx)
    digest, done = await copy_artifact(source, version, target, tag, _scoped(config.annotations), LARGEST)
    outputs = _outputs(config, digest, tag)
    return Succeeded(outputs) if done else Skipped(f"{config.dest_ref} is {digest} already", outputs)


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Tell what would be copied; what it becomes is known, for it is read and annotated here."""
    source, version, target, tag = await _opened(config, ctx)
    artifact = await read_annotated(source, version, _scoped(config.annotations))
    digest = artifact.manifest.digest
    there = await read_digest(target, tag) == digest
    said = "nothing would be pushed: it is there already" if there else "would be copied"
    shown = f"{code(config.src_ref)} to {code(config.dest_ref)} ({digest}): {said}"
    return Foreseen(shown, _outputs(config, digest, tag))


async def _opened(config: Config, ctx: StepContext) -> tuple[Session, str, Session, str]:
    """Open where the artifact is and where it goes, each with its tag or digest."""
    insecure = config.insecure_skip_tls_verify
    from_url, version, reader = await located(ctx, config.src_ref)
    to_url, tag, writer = await located(ctx, config.dest_ref)
    source = await ctx.registry.opened(from_url, reader, insecure=insecure)
    target = await ctx.registry.opened(to_url, writer, insecure=insecure, copies_from=repository(from_url))
    return source, version, target, tag


def _outputs(config: Config, digest: str, tag: str) -> Outputs:
    image = config.dest_ref.strip().removeprefix("oci://")
    return {"image": image, "digest": digest, "tag": "" if DIGEST.fullmatch(tag) else tag}


def _scoped(annotations: dict[str, str]) -> Annotations:
    """Tell the annotations of an index from those of manifests, which are meant when nothing is said (Kargo)."""
    index = {key.removeprefix(INDEX): value for key, value in annotations.items() if key.startswith(INDEX)}
    rest = {key.removeprefix(MANIFEST): value for key, value in annotations.items() if not key.startswith(INDEX)}
    return Annotations(index, rest)
