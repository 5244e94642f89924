"""How a push takes in what others pushed meanwhile: an operator's choice, and what signatures allow."""

from collections.abc import Iterable
from enum import StrEnum


class Policy(StrEnum):
    """What to do with commits of ours when the branch moved (Kargo: pushIntegrationPolicy)."""

    ALWAYS_REBASE = "AlwaysRebase"
    REBASE_OR_MERGE = "RebaseOrMerge"
    REBASE_OR_FAIL = "RebaseOrFail"
    ALWAYS_MERGE = "AlwaysMerge"

    @property
    def asks(self) -> bool:
        """Whether it matters to this policy if a rebase is safe."""
        return self in (Policy.REBASE_OR_MERGE, Policy.REBASE_OR_FAIL)


class Trust(StrEnum):
    """What a commit's signature is worth here."""

    TRUSTED = "signed by a trusted key"
    UNTRUSTED = "signed by a key that is not trusted"
    UNSIGNED = "not signed"


class Way(StrEnum):
    """What happens to commits of ours that the branch does not hold."""

    REBASE = "rebase"
    MERGE = "merge"
    FAIL = "fail"


def way(policy: Policy, trusts: Iterable[Trust], *, signing: bool) -> Way:
    """Choose how commits of this trust get onto the branch, where `signing` says whether new ones are signed.

    A rebase is safe when it neither takes a signature away nor makes one up: every commit is signed by a trusted
    key and will be again, or none is and none will be.
    """
    if not policy.asks:
        return Way.MERGE if policy is Policy.ALWAYS_MERGE else Way.REBASE
    wanted = Trust.TRUSTED if signing else Trust.UNSIGNED
    if all(trust is wanted for trust in trusts):
        return Way.REBASE
    return Way.MERGE if policy is Policy.REBASE_OR_MERGE else Way.FAIL
