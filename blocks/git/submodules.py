"""Which other repositories a commit wants in which folders."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from blocks.errors import Invalid, Refused
from blocks.git.command import git

MOST_SUBMODULES = 50
"""Submodules of one checkout, those of submodules included."""

DEEPEST = 5
"""Submodules within submodules."""

FIELD = re.compile(r"submodule\.(.+)\.(path|url)", re.DOTALL)


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository, and the folder it belongs into, relative to the checkout."""

    path: str
    url: str
    commit: str


async def read_submodules(checkout: Path, url: str) -> list[Submodule]:
    """List the submodules of a checked-out commit of the repository at `url`. Raises Invalid, Refused over the limit.

    Nothing of `.gitmodules` but paths and URLs is read; relative URLs begin at the repository's own.
    """
    entries = (line.partition("\t") for line in (await git("ls-files", "--stage", "-z", cwd=checkout)).split("\0"))
    commits = {path: head.split()[1] for head, _, path in entries if head.startswith("160000 ")}
    if not commits:
        return []
    if len(commits) > MOST_SUBMODULES:
        raise Refused(f"{checkout.name!r} has more than {MOST_SUBMODULES} submodules, the limit")
    options = ("--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$")
    listed = await git("config", *options, cwd=checkout, accept=(0, 1))
    named: dict[str, dict[str, str]] = {}
    for entry in filter(None, listed.split("\0")):
        key, _, value = entry.partition("\n")
        if found := FIELD.fullmatch(key):
            named.setdefault(found[1], {})[found[2]] = value
    urls = {each.get("path", ""): each.get("url", "") for each in named.values()}
    if unknown := sorted(commits.keys() - {path for path, at in urls.items() if at}):
        raise Invalid(
            f"submodule {unknown[0]!r} of {url} has no URL in .gitmodules: add it there, or remove the submodule"
        )
    return [Submodule(path, resolved(url, urls[path]), commit) for path, commit in commits.items()]


def resolved(base: str, url: str) -> str:
    """Resolve a submodule's URL, which may begin at that of the repository it is in. Raises Invalid."""
    if not url.startswith(("./", "../")):
        return url
    before, slash, path = _split(base)
    folders, parts = path.strip("/").split("/"), url.split("/")
    while parts[0] in (".", ".."):
        if parts.pop(0) == ".." and not (folders and folders.pop()):
            raise Invalid(f"the URL {url!r} of a submodule leads above {base}")
    return before + slash + "/".join([*folders, *parts])


def _split(url: str) -> tuple[str, str, str]:
    """Split a URL into what relative ones keep, the sign that begins the path, and the path."""
    if "://" in url:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc, "", "", "")), "/", parts.path
    host, colon, path = url.partition(":")
    return (host, colon, path) if colon else ("", "/", url)
