"""file-write: make a file with the given contents."""

from pydantic import Field

from blocks.errors import Invalid, Refused
from flows.model import Model
from flows.promotion.files import write_whole
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

_EXECUTABLE, _WORLD_WRITABLE = 0o111, 0o002


class Config(Model):
    """What to write where."""

    path: str = Field(min_length=1, description="The file, relative to the working directory; parents are made.")
    contents: str = Field(description="Its contents.")
    permissions: str = Field(
        default="0600", pattern="^0[0-7]{3}$", description="Mode; not executable, not writable by everybody."
    )
    overwrite: bool = Field(default=False, description="Whether a file that is there is replaced.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Write the file, whole or not at all; the same contents twice are written once."""
    mode = int(config.permissions, 8)
    if mode & (_EXECUTABLE | _WORLD_WRITABLE):
        raise Invalid(f"permissions {config.permissions} let a file be executed, or written by everybody: use 0644")
    path, root = ctx.path(config.path), ctx.work_dir.resolve()
    if path == root or path.is_dir():
        raise Invalid(f"{config.path!r} is a directory: name a file")
    if path != root / config.path and (root / config.path).is_symlink():
        raise Refused(f"{config.path!r} is a symbolic link: nothing is written through one")
    content = config.contents.encode()
    if path.exists() and not config.overwrite and path.read_bytes() != content:
        raise Invalid(f"file {config.path!r} is there already: set overwrite to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    path.chmod(mode)
    return Succeeded()
