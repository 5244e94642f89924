"""tar: pack a file or a directory; the same contents give the same bytes. Links and `.git` are left out."""

import gzip
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from pydantic import Field

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.files import MOST_FILES, files_below, ignore_spec
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Config(Model):
    """What to pack into which archive."""

    in_path: str = Field(min_length=1, description="File or directory, relative to the working directory.")
    out_path: str = Field(min_length=1, description="The archive; one that is there is replaced.")
    ignore: str = Field(default="", description="What to leave out, as the text of a .gitignore.")
    gzip: bool = Field(default=False, description="Whether the archive is compressed.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Write the archive beside its place and move it there."""
    source, target = ctx.path(config.in_path), ctx.path(config.out_path)
    if not source.exists():
        raise NotFound(f"there is no file or directory {config.in_path!r} to pack")
    if target.is_dir():
        raise Invalid(f"{config.out_path!r} is a directory: name a file")
    root = source if source.is_dir() else source.parent
    files = [path for path in files_below(source, root, ignore_spec(config.ignore)) if path != target]
    if len(files) > MOST_FILES:
        raise Refused(f"{config.in_path!r} holds more than {MOST_FILES} files, the limit of one archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".drayage-") as beside:
        draft = Path(beside) / "archive"
        with draft.open("wb") as stream:
            _pack(files, root, stream, config.gzip, int(ctx.started_at.timestamp()))
        draft.replace(target)
    return Succeeded(message=f"packed {len(files)} files")


def _pack(files: list[Path], root: Path, stream: IO[bytes], compressed: bool, time: int) -> None:
    with ExitStack() as opened:
        if compressed:
            squeezed = gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=time)
            stream = cast(IO[bytes], opened.enter_context(squeezed))
        archive = opened.enter_context(tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT))
        for path in files:
            entry = tarfile.TarInfo(path.relative_to(root).as_posix())
            entry.size, entry.mtime, entry.mode = path.stat().st_size, time, path.stat().st_mode & 0o755
            with path.open("rb") as content:
                archive.addfile(entry, content)
