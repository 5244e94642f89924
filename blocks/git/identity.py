"""Who made a commit, and when, so that the same commit made twice is one commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from blocks.git.command import git

PROMOTION = "Drayage-Promotion"
"""The trailer that names the promotion a commit belongs to."""


@dataclass(frozen=True)
class Author:
    """Name and e-mail address of who makes a commit."""

    name: str
    email: str

    def environment(self, role: str, at: datetime) -> dict[str, str]:
        """Return Git's variables for `AUTHOR` or `COMMITTER`, dated to the second, in UTC."""
        return {
            f"GIT_{role}_NAME": self.name,
            f"GIT_{role}_EMAIL": self.email,
            f"GIT_{role}_DATE": f"{int(at.timestamp())} +0000",
        }


async def with_trailers(message: str, trailers: Mapping[str, str], cwd: Path) -> str:
    """Put trailers under a commit message as `git interpret-trailers` does; ours replace what the message claims."""
    given = {name: " ".join(value.split()) for name, value in trailers.items()}
    added = [f"--trailer={name}={value}" for name, value in given.items() if value]
    if not added:
        return message
    options = ("--no-divider", "--where=end", "--if-exists=replace")
    return await git("interpret-trailers", *options, *added, cwd=cwd, input=message.rstrip() + "\n")
