"""Whose approval counts: one table for the policy of a Stage and for the step."""

import pytest

from flows.promotion.approvers import (
    WHY_NOT,
    Terms,
    Vote,
    counted,
    decision_of,
    impossible,
    missing,
    rejection,
    told,
    vote_from,
    vote_of,
)
from flows.promotion.identity import Identity
from flows.promotion.people import Who
from flows.promotion.result import Answer
from tests.flows.promotion.asked import Said, approve, reject
from tests.flows.promotion.workspace import START


def by(subject, answer=None, **claims):
    """An answer of somebody whose identity was proven."""
    return Answer(answer or approve(), START, Identity(subject, {"sub": subject, **claims}))


def refused(why):
    """An answer whose assertion proves nothing."""
    return Answer(approve("ann"), START, refused=why)


SRE, QA = {"claim": "groups", "value": "sre"}, {"role": "qa"}
BOB = {"name": "bob"}
TWO = {"minApprovals": 2}
NOT_SELF = {"forbidSelfApproval": True}
PROVEN = {"onlyAuthenticated": True}
ROWS = [
    pytest.param([{}], [], "0 of 1 approved", "", id="nobody-yet"),
    pytest.param([{}], [approve()], "", "", id="one-unnamed"),
    pytest.param([{}], [refused("it was forged")], "0 of 1 approved", "it was forged", id="forged"),
    pytest.param([{}], [{"decision": "yes"}], "0 of 1 approved", WHY_NOT["odd"], id="odd"),
    pytest.param([TWO], [approve("ann"), approve(" ANN ")], "1 of 2 approved", WHY_NOT["again"], id="one-name-twice"),
    pytest.param([TWO], [by("ann"), by("ann")], "1 of 2 approved", WHY_NOT["again"], id="one-person-twice"),
    pytest.param([TWO], [by("1", name="Ann"), approve("ann")], "1 of 2 approved", WHY_NOT["again"], id="then-typed"),
    pytest.param([TWO], [approve("ann"), by("1", name="Ann")], "1 of 2 approved", "", id="typed-then-proven"),
    pytest.param([TWO], [by("1", name="Ann"), by("2", name="Ann")], "", "", id="two-of-one-name"),
    pytest.param([TWO], [approve("ann"), by("bob")], "", "", id="typed-and-proven"),
    pytest.param([TWO], [approve("ann"), approve()], "1 of 2 approved", WHY_NOT["unnamed"], id="unnamed-second"),
    pytest.param([{"approvers": [SRE]}], [by("ann", groups=["qa", "sre"])], "", "", id="claim"),
    pytest.param(
        [{"approvers": [SRE]}], [by("ann", groups=["qa"])], "0 of 1 approved", WHY_NOT["nobody"], id="no-claim"
    ),
    pytest.param([{"approvers": [SRE]}], [approve("sre")], "0 of 1 approved", WHY_NOT["nobody"], id="claim-typed"),
    pytest.param([{"approvers": [QA]}], [by("ann", roles=["qa"])], "", "", id="role"),
    pytest.param([{"approvers": [{"name": "ann lee"}]}], [by("7", name="Ann Lee")], "", "", id="name-proven"),
    pytest.param(
        [{"approvers": [{**SRE, "required": True}, {"name": "bob"}]}],
        [approve("bob")],
        "1 of 1 approved, needed yet: groups sre",
        "",
        id="required-claim",
    ),
    pytest.param(
        [{"approvers": [{**SRE, "required": True}, {"name": "eve"}]}],
        [approve("eve"), by("1", name="eve", groups=["sre"])],
        "",
        "",
        id="typed-does-not-shut-out-the-proven",
    ),
    pytest.param([NOT_SELF], [approve("req")], "0 of 1 approved", WHY_NOT["self"], id="self-typed"),
    pytest.param([NOT_SELF], [approve("user:REQ")], "0 of 1 approved", WHY_NOT["self"], id="self-as-actor"),
    pytest.param([NOT_SELF], [by("9", email="req")], "0 of 1 approved", WHY_NOT["self"], id="self-proven"),
    pytest.param([NOT_SELF], [approve()], "0 of 1 approved", WHY_NOT["unnamed"], id="self-unnamed"),
    pytest.param([NOT_SELF], [approve("ann")], "", "", id="another"),
    pytest.param([{}], [approve("req")], "", "", id="self-allowed"),
    pytest.param([PROVEN], [approve("ann")], "0 of 1 approved", WHY_NOT["unproven"], id="only-proven"),
    pytest.param([PROVEN], [reject("ann")], "0 of 1 approved", WHY_NOT["unproven"], id="only-proven-reject"),
    pytest.param([PROVEN], [by("ann")], "", "", id="proven"),
    pytest.param([{"approvers": [SRE]}, TWO], [by("ann", groups=["sre"])], "1 of 2 approved", "", id="both-terms"),
    pytest.param(
        [{"approvers": [SRE]}, TWO], [by("ann", groups=["sre"]), approve("bob")], "", "", id="each-by-its-own-people"
    ),
    pytest.param(
        [{"approvers": [SRE]}, NOT_SELF], [approve("req")], "0 of 1 approved", WHY_NOT["nobody"], id="under-none"
    ),
]


@pytest.mark.parametrize(("terms", "answers", "lacking", "ignored"), ROWS)
async def test_what_is_missing(terms, answers, lacking, ignored):
    """Asked by `req`; the same comes out of votes that the ledger kept and gave back."""
    wanted = [Terms.model_validate(each) for each in terms]
    given = await Said(*answers).answers()
    votes, why = counted(wanted, "user:req", given)
    assert missing(wanted, votes, "user:req") == lacking
    assert why == ignored

    kept = [vote_from(decision_of("p", "a", each)) for each in votes]
    again, _ = counted(wanted, "user:req", given, kept)
    assert missing(wanted, again, "user:req") == lacking
    assert len(again) == len(votes)


@pytest.mark.parametrize(
    ("terms", "answers", "lacking"),
    [
        pytest.param(NOT_SELF, [], "0 of 2 approved", id="nobody"),
        pytest.param(NOT_SELF, [approve("ann")], "1 of 2 approved", id="it-may-be-who-asked"),
        pytest.param(NOT_SELF, [approve("ann"), approve("bob")], "", id="one-of-them-did-not-ask"),
        pytest.param({**NOT_SELF, **TWO}, [approve("ann"), approve("bob")], "2 of 3 approved", id="two-must"),
        pytest.param(
            {**NOT_SELF, "approvers": [{**SRE, "required": True}, {"name": "bob"}]},
            [approve("bob"), by("ann", groups=["sre"])],
            "2 of 2 approved, needed yet: groups sre",
            id="of-the-required-too",
        ),
        pytest.param({}, [approve("ann")], "", id="where-who-asked-may-approve"),
    ],
)
async def test_who_asked_is_not_known(terms, answers, lacking):
    """The form stays open for others: with one more approval than is needed enough people did not ask."""
    wanted = [Terms.model_validate(terms)]
    votes, _ = counted(wanted, "unknown actor", await Said(*answers).answers())
    assert missing(wanted, votes, "unknown actor") == lacking
    assert ("one more person must" in " ".join(told(wanted, votes, "", "unknown actor"))) == bool(terms)


async def test_any_rejection_counts():
    """Of somebody who may decide, also of who asked and of who approved before; not of others."""
    terms = [Terms.model_validate({"approvers": [SRE], **NOT_SELF, **TWO})]
    answers = await Said(
        reject("eve"), by("req", groups=["sre"]), by("req", reject(comment="no"), groups=["sre"])
    ).answers()
    votes, ignored = counted(terms, "user:req", answers)
    assert ignored == ""
    assert [each.who.actor for each in votes] == ["subject:req"]
    assert rejection(votes).comment == "no"


@pytest.mark.parametrize(
    ("terms", "requester", "proves", "why"),
    [
        pytest.param({"approvers": [SRE]}, "user:ann", False, "claim 'groups' ask for a proven identity", id="claim"),
        pytest.param({"approvers": [SRE]}, "user:ann", True, "", id="claim-where-provable"),
        pytest.param({"approvers": [SRE], **TWO}, "user:ann", True, "", id="one-claim-many-people"),
        pytest.param({"approvers": [{"name": "bob"}], **TWO}, "user:ann", True, "2 must approve and 1 can", id="few"),
        pytest.param(PROVEN, "user:ann", False, "only proven identities count", id="only-proven"),
        pytest.param(PROVEN, "user:ann", True, "", id="only-proven-where-provable"),
        pytest.param(NOT_SELF, "unknown actor", True, "", id="unknown-requester"),
        pytest.param(
            {**NOT_SELF, "approvers": [BOB, {"name": "eve"}]}, "unknown actor", True, "", id="unknown-requester-of-two"
        ),
        pytest.param(
            {**NOT_SELF, "approvers": [BOB]},
            "unknown actor",
            True,
            "2 must approve and 1 can: who asked is not known",
            id="unknown-requester-may-be-the-only-one",
        ),
        pytest.param(
            {**NOT_SELF, "approvers": [{**BOB, "required": True}, {"name": "eve"}]},
            "unknown actor",
            True,
            "bob must approve and nobody may approve what they asked for, but who asked for this is not known",
            id="unknown-requester-may-be-who-must",
        ),
        pytest.param({**NOT_SELF, "approvers": [BOB]}, "user:ann", True, "", id="known-requester"),
        pytest.param(NOT_SELF, "controller:drayage", True, "", id="asked-by-itself"),
    ],
)
def test_what_can_never_be(terms, requester, proves, why):
    """Is said at once instead of waited for."""
    assert why in impossible([Terms.model_validate(terms)], requester, proves)
    assert bool(why) == bool(impossible([Terms.model_validate(terms)], requester, proves))


def test_what_is_kept_of_a_vote():
    """Who vouched for whom; a name that says of itself that it is proven is not."""
    typed = vote_of(Answer(approve("email:eve@example.com\n", "a\nb"), START))
    kept = decision_of("p", "a", typed)
    assert (kept.actor, kept.authenticated, kept.comment) == ("email:eve@example.com (unauthenticated)", False, "a b")
    assert vote_from(kept) == typed
    proven = Vote(Who("", Identity("7", {"sub": "7", "email": "ann@example.com"})), True, "", START)
    kept = decision_of("p", "a", proven)
    assert (kept.actor, kept.authenticated) == ("email:ann@example.com", True)
    assert vote_from(kept).who.identity == proven.who.identity
    assert vote_of(Answer(approve("Ann (unauthenticated)"), START)).who.typed == "Ann"
