"""untar: unpack an archive, compressed or not. Nothing is written outside `outPath`, through a link, or into `.git`."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pydantic import Field

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.files import MOST_FILES, ignore_spec
from flows.promotion.result import KEPT, StepContext, Succeeded

OUTWARD = False

LARGEST = 1024**3
"""Bytes of all that is in one archive."""


class Config(Model):
    """What to unpack where."""

    in_path: str = Field(min_length=1, description="The archive, relative to the working directory.")
    out_path: str = Field(min_length=1, description="Directory for what is in it; files there are overwritten.")
    strip_components: int = Field(default=0, ge=0, le=100, description="Leading parts to take off each name.")
    ignore: str = Field(default="", description="What to leave out, as the text of a .gitignore.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Unpack directories, files and links that stay inside; anything else is refused."""
    source, target = ctx.path(config.in_path), ctx.path(config.out_path)
    if not source.is_file():
        raise NotFound(f"there is no file {config.in_path!r} to unpack")
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(source, "r:*") as archive:
            unpacked = sum(_unpack(archive, member, name, target, ctx) for member, name in _wanted(archive, config))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise Invalid(f"{config.in_path!r} cannot be unpacked: {error}") from None
    return Succeeded(message=f"unpacked {unpacked} files")


def _wanted(archive: tarfile.TarFile, config: Config) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Walk over the members to unpack, within the limits, which count those left out too."""
    ignored, size = ignore_spec(config.ignore), 0
    for count, member in enumerate(archive, 1):
        size += member.size
        if count > MOST_FILES or size > LARGEST:
            raise Refused(f"{config.in_path!r} holds more than {MOST_FILES} files or {LARGEST} bytes, the limit")
        name = PurePosixPath(*PurePosixPath(member.name).parts[config.strip_components :])
        if name.parts and not ignored.match_file(f"{name}/" if member.isdir() else str(name)):
            yield member, name


def _unpack(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: PurePosixPath, root: Path, ctx: StepContext
) -> bool:
    if name.is_absolute() or ".." in name.parts or KEPT.intersection(name.parts):
        raise Refused(f"the archive holds {member.name!r}, which leads out of its directory or into Git's")
    path = root / name
    if ctx.path(str(path.parent.relative_to(ctx.work_dir.resolve()))) != path.parent or path.is_symlink():
        raise Refused(f"{str(name)!r} of the archive would be written through a symbolic link")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        _link(path, member, root)
        return True
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise Refused(f"the archive holds {member.name!r}, which is no file, directory or symbolic link")
    with content, path.open("wb") as stream:
        shutil.copyfileobj(content, stream)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    return True


def _link(path: Path, member: tarfile.TarInfo, root: Path) -> None:
    inside = (path.parent / member.linkname).resolve()
    if PurePosixPath(member.linkname).is_absolute() or (inside != root and root not in inside.parents):
        raise Refused(f"the archive holds the link {member.name!r}, which leads out of its directory or into Git's")
    path.symlink_to(member.linkname)
