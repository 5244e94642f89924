"""Which commits are signed by the one key that is trusted: ours."""

from collections.abc import Sequence
from pathlib import Path

from blocks.git.command import git
from blocks.git.commits import Made
from blocks.git.integration import Trust
from blocks.git.signing import Signer


async def signers(repository: Path, commits: Sequence[Made], signer: Signer | None) -> dict[str, str]:
    """Return who signed, `Name <e-mail>`, by commit, for those with a good signature of the key in the ring."""
    signed = [commit.id for commit in commits if commit.signed]
    if not signed or signer is None:
        return {}
    options = ("--no-walk=unsorted", "--format=%H %G? %GS", "--stdin")
    given = "".join(f"{commit}\n" for commit in signed)
    printed = await git("log", *options, cwd=repository, env=signer.environment, input=given)
    rows = (line.split(" ", 2) for line in printed.splitlines())
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "G"}


async def trusts(repository: Path, commits: Sequence[Made], signer: Signer | None) -> list[Trust]:
    """Judge commits, each in its place."""
    good = await signers(repository, commits, signer)
    return [
        Trust.UNSIGNED if not commit.signed else Trust.TRUSTED if commit.id in good else Trust.UNTRUSTED
        for commit in commits
    ]
