"""Send one object to one ref of a remote, and how long to wait before another try."""

from pathlib import Path

from blocks.git.access import Access
from blocks.git.command import git

PUSH_TIMEOUT = 300.0


async def send(
    repository: Path, opened: Access, what: str, ref: str, *, force: bool = False, holding: int | None = None
) -> bool:
    """Push one object to one ref; False when it was there already. Raises Conflict when the ref moved.

    `holding` is the descriptor of a lock that stays taken until Git has ended, even when this process is killed.
    """
    said = await git(
        *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"),
        *("--", opened.url, f"{'+' if force else ''}{what}:{ref}"),
        cwd=repository,
        access=opened,
        timeout=PUSH_TIMEOUT,
        holding=holding,
    )
    return not any(line.startswith("=") for line in said.splitlines())
