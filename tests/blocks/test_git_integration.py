"""What a push does with a branch that moved, by policy and by what signatures allow."""

import pytest

from blocks.git.integration import Policy, Trust, Way, way

GOOD, BAD, NONE = Trust.TRUSTED, Trust.UNTRUSTED, Trust.UNSIGNED


@pytest.mark.parametrize(
    ("trusts", "signing", "safe"),
    [
        pytest.param([NONE], False, True, id="unsigned-stays-unsigned"),
        pytest.param([NONE, NONE], True, False, id="a-signature-would-be-made-up"),
        pytest.param([GOOD, GOOD], True, True, id="signed-again"),
        pytest.param([GOOD], False, False, id="a-signature-would-be-lost"),
        pytest.param([BAD], True, False, id="nobody-can-vouch-signing"),
        pytest.param([BAD], False, False, id="nobody-can-vouch"),
        pytest.param([GOOD, NONE], True, False, id="mixed-signing"),
        pytest.param([NONE, GOOD], False, False, id="mixed"),
        pytest.param([], True, True, id="nothing-to-move"),
    ],
)
def test_a_rebase_is_safe_when_signatures_mean_the_same_after_it(trusts, signing, safe):
    """Only the two policies that ask depend on signatures; the two others do what they say."""
    chosen = {policy: way(policy, trusts, signing=signing) for policy in Policy}
    assert chosen == {
        Policy.ALWAYS_REBASE: Way.REBASE,
        Policy.REBASE_OR_MERGE: Way.REBASE if safe else Way.MERGE,
        Policy.REBASE_OR_FAIL: Way.REBASE if safe else Way.FAIL,
        Policy.ALWAYS_MERGE: Way.MERGE,
    }
