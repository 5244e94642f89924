"""What a branch would bring to another one."""

from dataclasses import dataclass
from pathlib import Path

from blocks.git.command import git
from blocks.git.view import View


@dataclass(frozen=True)
class Proposal:
    """The commit a branch stands on, its whole message, and whether its files differ from the other branch's."""

    commit: str
    message: str
    differs: bool


async def read_proposal(view: View, source: str, target: str) -> Proposal:
    """Compare two branches of a repository. Raises NotFound when there is no such branch."""
    _, ours = view.refs.branch(view.url, source)
    _, theirs = view.refs.branch(view.url, target)

    async def read(mirror: Path) -> Proposal:
        message = await git("log", "-1", "--no-show-signature", "--format=%B", "--end-of-options", ours, cwd=mirror)
        trees = (await git("rev-parse", f"{ours}^{{tree}}", f"{theirs}^{{tree}}", cwd=mirror)).split()
        return Proposal(ours, message.strip(), trees[0] != trees[1])

    return await view.read(read)
