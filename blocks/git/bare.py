"""What is done to one bare repository on disk. Callers hold its lock and pass it on to Git."""

from pathlib import Path

from blocks.errors import NotFound
from blocks.git.access import Access
from blocks.git.command import git
from blocks.git.remote import Refs, patiently

PACKS = 40
"""Packs that may pile up before they are put together."""

TIDY_TIMEOUT = 900.0

PROMISES = r"^(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)$"

UNBORN = "refs/heads/main"
"""What HEAD names where the remote's HEAD names nothing."""


BLOBLESS = "drayage-blobless"
"""File in a repository that holds commits and folders only, without the files' contents."""


def is_blobless(repository: Path) -> bool:
    """Whether a repository lacks the contents of files: enough for discovery, not for promotions."""
    return (repository / BLOBLESS).exists()


async def is_current(repository: Path, refs: Refs) -> bool:
    """Whether a repository exists and holds exactly these refs. Raises Damaged when it is broken."""
    if not (repository / "HEAD").exists():
        return False
    listed = await git("for-each-ref", "--format=%(objectname) %(refname)", cwd=repository)
    ids = {ref: value for value, ref in (line.split(" ", 1) for line in listed.split("\n") if line)}
    if ids != refs.ids:
        return False
    return (await git("symbolic-ref", "HEAD", cwd=repository)).strip() == (refs.head or UNBORN)


async def has_commit(repository: Path, commit: str) -> bool:
    """Whether a repository holds a commit."""
    try:
        await git("cat-file", "-e", f"{commit}^{{commit}}", cwd=repository)
    except NotFound:
        return False
    return True


async def lacks(repository: Path, refs: Refs) -> bool:
    """Whether a repository misses something that branches and tags point at."""
    wanted = "".join(f"{value}\n" for value in set(refs.ids.values()))
    if not wanted:
        return False
    found = await git("cat-file", "--batch-check=%(objecttype)", cwd=repository, input=wanted)
    return any(line.endswith(" missing") for line in found.split("\n"))


async def init(repository: Path, lock: int, *, blobless: bool = False) -> None:
    """Make an empty bare repository, without the machine's templates."""
    await git("init", "--quiet", "--bare", "--template=", "--", str(repository), holding=lock)
    if blobless:
        (repository / BLOBLESS).touch()


async def download(opened: Access, repository: Path, refs: Refs, *, lock: int, timeout: float) -> None:
    """Make all branches and tags those of the remote, forgetting the ones it deleted."""

    async def fetch() -> None:
        await _fetch(opened, repository, "refs/heads/*", "refs/tags/*", lock=lock, timeout=timeout)

    await patiently(fetch, attempts=2)
    await git("symbolic-ref", "HEAD", refs.head or UNBORN, cwd=repository, holding=lock)


async def download_commit(opened: Access, repository: Path, commit: str, *, lock: int, timeout: float) -> None:
    """Get a commit no branch leads to any more; most hosts hand it out when asked by its full id."""
    try:
        await _fetch(opened, repository, commit, lock=lock, timeout=timeout)
    except NotFound:
        raise NotFound(f"repository {opened.url} has no commit {commit}") from None


async def take_over(repository: Path, clone: Path, commit: str, ref: str, *, lock: int) -> None:
    """Take a commit from a clone on this disk and let a ref point to it."""
    await git(
        *("fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head"),
        *("--", str(clone), f"+{commit}:{ref}"),
        cwd=repository,
        holding=lock,
    )


async def _fetch(opened: Access, repository: Path, *wanted: str, lock: int, timeout: float) -> None:
    """Fetch; a blobless repository asks for no contents, which not every server can leave out."""
    mirrored = (f"+{ref}:{ref}" if ref.startswith("refs/") else ref for ref in wanted)
    blobless = is_blobless(repository)
    try:
        async with opened.turn():
            await git(
                *("fetch", "--quiet", "--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head"),
                *(("--filter=blob:none",) if blobless else ()),
                *("--", opened.url, *mirrored),
                cwd=repository,
                access=opened,
                timeout=timeout,
                holding=lock,
            )
    finally:
        if blobless:
            await _forget_promises(repository, lock)


async def _forget_promises(repository: Path, lock: int) -> None:
    """Keep Git from fetching what is missing by itself: it would do so without credentials, and over and over."""
    names = await git("config", "--local", "--name-only", "--get-regexp", PROMISES, cwd=repository, accept=(0, 1))
    for name in names.split("\n"):
        if name:
            await git("config", "--local", "--unset-all", name, cwd=repository, holding=lock)


async def tidy(repository: Path, lock: int) -> None:
    """Put many small packs together. Nothing is dropped: clones of running promotions share these objects."""
    if len(list((repository / "objects" / "pack").glob("*.pack"))) <= PACKS:
        return
    how = "-a" if is_blobless(repository) else "--geometric=2"  # Git before 2.42 has no geometry for promised objects
    repack = ("repack", "--quiet", "-d", how, "--no-write-bitmap-index")
    await git(*repack, cwd=repository, timeout=TIDY_TIMEOUT, holding=lock)
    await git("pack-refs", "--all", cwd=repository, timeout=TIDY_TIMEOUT, holding=lock)
