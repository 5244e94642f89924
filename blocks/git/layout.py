"""Make a bare repository by writing its few files, and read refs of one so made: neither costs a process."""

from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDERS = ("objects/info", "objects/pack", "refs/heads", "refs/tags")

ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def lay_out(
    place: Path,
    borrowed: Iterable[Path],
    *,
    head: str = "refs/heads/main",
    refs: str = "",
    settings: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Make an empty bare repository that uses the objects of other repositories in place.

    `refs` are lines of object id and full name, `settings` values by section and key.
    """
    for folder in FOLDERS:
        (place / folder).mkdir(parents=True)
    lines = ["[core]", "\trepositoryformatversion = 0", "\tbare = true"]
    for (section, key), value in (settings or {}).items():
        lines += [f"[{section}]", f'\t{key} = "{value.translate(ESCAPED)}"']
    (place / "config").write_text("\n".join([*lines, ""]))
    (place / "objects/info/alternates").write_text("".join(f"{each.absolute() / 'objects'}\n" for each in borrowed))
    (place / "packed-refs").write_text(refs)
    (place / "HEAD").write_text(f"ref: {head}\n")


def named_by(file: Path) -> str:
    """Return the full name a HEAD file names; empty when it holds a commit. Raises OSError without such a file."""
    text = file.read_text().strip()
    return text.removeprefix("ref:").strip() if text.startswith("ref:") else ""


def points_at(repository: Path, ref: str) -> str | None:
    """Return what a ref points at, given by full name; None when there is none."""
    if ".." in ref:  # no ref is named so, but a path elsewhere could be
        return None
    try:
        return (repository / ref).read_text().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        packed = (repository / "packed-refs").read_text()
    found = (line.partition(" ") for line in packed.split("\n"))
    return next((commit for commit, _, name in found if name == ref), None)
