"""All branches that promotions of this process push to, or have checked out and may push to soon."""

from collections import OrderedDict
from pathlib import Path

from blocks.git.access import Access, mirror_key
from blocks.git.group import Branch
from blocks.git.integration import Policy
from blocks.git.mirror import Mirrors

BRANCHES = 1_000
"""Branches that are remembered."""


class Branches:
    """All branches somebody here pushes to or has checked out."""

    def __init__(self, mirrors: Mirrors) -> None:
        """Begin knowing none."""
        self._mirrors = mirrors
        self._branches: OrderedDict[tuple[object, ...], Branch] = OrderedDict()
        self._coming: OrderedDict[tuple[str, str], set[Path]] = OrderedDict()

    def expect(self, url: str, branch: str, clone: Path) -> None:
        """Note that a clone has a branch checked out and may push to it soon."""
        self._checked_out(url, branch).add(clone)

    def branch(self, opened: Access, name: str, policy: Policy) -> Branch:
        """Return the queue of a branch."""
        key = (opened.url, opened.credentials, opened.insecure, name, policy)
        if key not in self._branches:
            coming = self._checked_out(opened.url, name)
            self._branches[key] = Branch(self._mirrors, opened, name, policy, coming)
        self._branches.move_to_end(key)
        for old in list(self._branches)[:-BRANCHES]:
            if not self._branches[old].queue:
                del self._branches[old]
        return self._branches[key]

    def _checked_out(self, url: str, branch: str) -> set[Path]:
        key = (mirror_key(url), branch)
        while len(self._coming) > BRANCHES:
            self._coming.popitem(last=False)
        return self._coming.setdefault(key, set())


def branches(mirrors: Mirrors) -> Branches:
    """Return the branches of these mirrors, which belong to one event loop."""
    if mirrors.branches is None:
        mirrors.branches = Branches(mirrors)
    return mirrors.branches
