"""Where a Stage goes back to: by itself after failures, and because a person asks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord, VerificationPhase, VerificationRecord
from blocks.ledger.rollbacks import Stay
from flows.stage.model import AutoRollback
from flows.stage.rollback import GoBack, History, automatic, by_hand, overtaken, undone

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOTH = AutoRollback(on_promotion=["Failed", "Errored"], on_verification=["Failed", "Error"])


def at(minutes):
    """So many minutes before now."""
    return NOW - timedelta(minutes=minutes)


def stays(text):
    """Stays, newest first, from words like `a:f2!*`: origin and Freight, `!` verified, `*` there, `~` by a rollback.

    The first word came an hour ago, the second two hours ago, and so on.
    """
    return [_stay(word, 60 * hours) for hours, word in enumerate(text.split(), 1)]


def _stay(word, minutes):
    origin, _, freight = word.rstrip("!*~").rpartition(":")
    verified, current, by_rollback = (mark in word for mark in "!*~")
    return Stay(
        origin or "web", freight, f"alias-{freight}", f"p-{freight}", at(minutes), verified, current, by_rollback
    )


def promoted(freight, phase, ended=1.0, **given):
    """A Promotion that ended so many minutes ago."""
    times = {"created_at": at(ended + 2), "started_at": at(ended + 1), "finished_at": at(ended)}
    known = PromotionRecord("shop", f"p-{freight}", "test", freight, "web", "user:ann", NOW, phase=phase)
    return replace(known, **times | given)


def verified(phase, ended=1.0, **collection):
    """A verification of a collection that ended so many minutes ago."""
    times = {"started_at": at(ended + 1), "finished_at": at(ended), "phase": phase}
    return VerificationRecord("shop", "test", "v", collection, "p", "user:ann", **times)


FAILED, ERRORED = Phase.FAILED, Phase.ERRORED
UNVERIFIED = VerificationPhase.FAILED


def rolled_back(failed, phase=Phase.SUCCEEDED, **given):
    """The rollback that answered a failure."""
    return promoted("f1", phase, name=f"back-from-{failed}", rollback=failed, actor=CONTROLLER, **given)


def pending(freight):
    """A Promotion that waits."""
    return promoted(freight, Phase.PENDING, started_at=None, finished_at=None)


AUTOMATIC = {
    # stays; Promotions; verification; policy; where to (origin:Freight of failure) or why not
    "a promotion failed": ("f1!*", [promoted("f2", FAILED)], None, BOTH, "web:f1 of p-f2"),
    "it was errored": ("f1!*", [promoted("f2", ERRORED)], None, BOTH, "web:f1 of p-f2"),
    "that is not named": ("f1!*", [promoted("f2", ERRORED)], None, AutoRollback(), "nothing failed"),
    "it was retried in vain": ("f1!*", [promoted("f2", FAILED, retries=2)], None, BOTH, "web:f1 of p-f2/2"),
    "too long ago": ("f1!*", [promoted("f2", FAILED, ended=20.5)], None, BOTH, "more than 20 minutes ago"),
    "just not too long ago": ("f1!*", [promoted("f2", FAILED, ended=20)], None, BOTH, "web:f1 of p-f2"),
    "nothing was ever verified": ("f1*", [promoted("f2", FAILED)], None, BOTH, "no other Freight"),
    "it never began": ("f1!*", [promoted("f2", FAILED, started_at=None)], None, BOTH, "before it began"),
    "a rollback failed": ("f2* f1!", [rolled_back("v", FAILED)], None, BOTH, "was a rollback itself"),
    "stable Freight failed": ("f1!*", [promoted("f1", FAILED)], None, BOTH, "was of alias-f1"),
    "answered before": (
        "f1!*",
        [rolled_back("p-f2", Phase.ABORTED), promoted("f2", FAILED, ended=3)],
        None,
        BOTH,
        "answered by the rollback back-from-p-f2",
    ),
    "something else succeeded since": (
        "f3!* f1!",
        [promoted("f3", Phase.SUCCEEDED), promoted("f2", FAILED, ended=5)],
        None,
        BOTH,
        "nothing failed",
    ),
    "something else was aborted since": (
        "f1!*",
        [promoted("f3", Phase.ABORTED), promoted("f2", FAILED, ended=5)],
        None,
        BOTH,
        "web:f1 of p-f2",
    ),
    "something waits": ("f1!*", [pending("f3"), promoted("f2", FAILED)], None, BOTH, "p-f3 of 'test' is Pending"),
    "a verification failed": ("f2* f1!", [], verified(UNVERIFIED, web="f2"), AutoRollback(), "web:f1 of v"),
    "a verification erred": ("f2* f1!", [], verified(VerificationPhase.ERROR, web="f2"), BOTH, "web:f1 of v"),
    "which is not named": (
        "f2* f1!",
        [],
        verified(VerificationPhase.ERROR, web="f2"),
        AutoRollback(),
        "nothing failed",
    ),
    "it was aborted": ("f2* f1!", [], verified(VerificationPhase.ABORTED, web="f2"), BOTH, "nothing failed"),
    "past unverified Freight": ("f3* f2 f1!", [], verified(UNVERIFIED, web="f3"), BOTH, "web:f1 of v"),
    "of what was verified": ("f2!* f1!", [], verified(UNVERIFIED, web="f2"), BOTH, "no other Freight"),
    "of the first Freight": ("f1*", [], verified(UNVERIFIED, web="f1"), BOTH, "no other Freight"),
    "of what is gone": ("f3* f2 f1!", [], verified(UNVERIFIED, web="f2"), BOTH, "runs something else"),
    "of what a rollback brought": ("f1*~ f2! f1!", [], verified(UNVERIFIED, web="f1"), BOTH, "no other Freight"),
    "of what a person brought back": ("f1* f2! f1!", [], verified(UNVERIFIED, web="f1"), BOTH, "web:f2 of v"),
    "too old": ("f2* f1!", [], verified(UNVERIFIED, ended=21, web="f2"), BOTH, "more than 20 minutes"),
    "several: the first to deviate": (
        "a:a2* b:b2* b:b1! a:a1!",
        [],
        verified(UNVERIFIED, a="a2", b="b2"),
        BOTH,
        "b:b1 of v",
    ),
    "several: deviating since long": (
        "a:a3* b:b2* a:a2 b:b1! a:a1!",
        [],
        verified(UNVERIFIED, a="a3", b="b2"),
        BOTH,
        "a:a1 of v",
    ),
    "several: then the next": (
        "a:a1*~ a:a3 b:b2* a:a2 b:b1! a:a1!",
        [],
        verified(UNVERIFIED, a="a1", b="b2"),
        BOTH,
        "b:b1 of v",
    ),
    "several: one without a way back": (
        "b:b1* a:a2* a:a1!",
        [],
        verified(UNVERIFIED, a="a2", b="b1"),
        BOTH,
        "a:a1 of v",
    ),
    "both failed, the later counts": (
        "f2* f1!",
        [promoted("f3", FAILED, ended=2)],
        verified(UNVERIFIED, ended=5, web="f2"),
        BOTH,
        "web:f1 of p-f3",
    ),
    "both failed, the later has no way": (
        "f2* f1!",
        [promoted("f3", FAILED, ended=2, started_at=None)],
        verified(UNVERIFIED, ended=5, web="f2"),
        BOTH,
        "web:f1 of v",
    ),
}


@pytest.mark.parametrize(
    ("there", "promotions", "verification", "policy", "expected"), AUTOMATIC.values(), ids=AUTOMATIC
)
def test_by_itself(there, promotions, verification, policy, expected):
    """What fails is taken back once, in time, when there is stable Freight, and is no rollback."""
    verdict = automatic(History("test", stays(there), promotions, verification), policy, NOW)
    if isinstance(verdict, GoBack):
        assert f"{verdict.origin}:{verdict.freight} of {verdict.undoes}" == expected
        assert f"alias-{verdict.freight} was verified there before" in verdict.why
    else:
        assert expected in verdict.sentence


BY_HAND = {
    # stays; Promotions; of which Warehouse; where to (origin:Freight of what) or why not
    "what was verified before": ("f2!* f1!", [], "", "web:f1 of p-f2"),
    "not what was not verified": ("f3* f2 f1!", [], "", "web:f1 of p-f3"),
    "not the same again": ("f2!* f2! f1!", [], "", "web:f1 of p-f2"),
    "after a failure, what is there": ("f2!* f1!", [promoted("f3", FAILED)], "", "web:f2 of p-f3"),
    "after an abort, what is there": ("f2!* f1!", [promoted("f3", Phase.ABORTED)], "", "web:f2 of p-f3"),
    "nothing had begun": ("f2!* f1!", [promoted("f3", Phase.ABORTED, started_at=None)], "", "web:f1 of p-f2"),
    "a failure was mended": (
        "f4!* f2! f1!",
        [promoted("f4", Phase.SUCCEEDED), promoted("f3", FAILED, ended=3)],
        "",
        "web:f2 of p-f4",
    ),
    "a rollback failed": ("f2* f1! f0!", [rolled_back("v", FAILED)], "", "web:f1 of back-from-v"),
    "further back": ("f1!*~ f2! f1! f0!", [], "", "web:f0 of p-f1"),
    "further back from where it stayed": ("f1!*~ f0!", [], "", "web:f0 of p-f1"),
    "back from a person's choice": ("f1!* f2! f1! f0!", [], "", "web:f2 of p-f1"),
    "twice further back": ("f1!*~ f2!~ f3! f2! f1! f0!", [], "", "web:f0 of p-f1"),
    "what came last": ("a:a2!* b:b2!* b:b1! a:a1!", [], "", "a:a1 of p-a2"),
    "of one Warehouse": ("a:a2!* b:b2!* b:b1! a:a1!", [], "b", "b:b1 of p-b2"),
    "of no such Warehouse": ("f2!* f1!", [], "b", "runs no Freight from Warehouse 'b'"),
    "an empty Stage": ("", [], "", "'test' runs no Freight, so"),
    "nowhere": ("f1!*", [], "", "no other Freight from Warehouse 'web' was verified there before"),
}


@pytest.mark.parametrize(("there", "promotions", "origin", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_by_hand(there, promotions, origin, expected):
    """A person goes back to what was verified before, and from there further back."""
    verdict = by_hand(History("test", stays(there), promotions), origin)
    if isinstance(verdict, GoBack):
        assert f"{verdict.origin}:{verdict.freight} of {verdict.undoes}" == expected
    else:
        assert expected in verdict.sentence


@pytest.mark.parametrize(
    ("there", "promotions", "expected"),
    [
        pytest.param("f2!* f1!", [], "p-f2", id="what is there"),
        pytest.param("f2!* f1!", [promoted("f3", FAILED)], "p-f3", id="what failed"),
        pytest.param("f2!* f1!", [promoted("b3", FAILED, origin="b")], "p-f2", id="not what failed elsewhere"),
        pytest.param("", [], "test", id="nothing"),
    ],
)
def test_what_is_taken_back_for_a_choice(there, promotions, expected):
    """Whoever names the Freight takes back what failed last, or what is there."""
    assert undone(History("test", stays(there), promotions), "web") == expected


WAITING = replace(rolled_back("p-f2"), phase=Phase.PENDING, created_at=at(5), started_at=None, finished_at=None)
MENDED = verified(VerificationPhase.SUCCESSFUL, ended=1, web="f2")


@pytest.mark.parametrize(
    ("record", "promotions", "verification", "expected"),
    [
        pytest.param(WAITING, [promoted("f2", FAILED, ended=6)], None, "", id="wanted"),
        pytest.param(
            WAITING, [promoted("f3", Phase.SUCCEEDED)], None, "p-f3 has succeeded", id="a promotion mended it"
        ),
        pytest.param(WAITING, [promoted("f3", Phase.SUCCEEDED, ended=6)], None, "", id="an older promotion"),
        pytest.param(WAITING, [], MENDED, "verification v has succeeded", id="a verification mended it"),
        pytest.param(WAITING, [], verified(UNVERIFIED, web="f2"), "", id="a verification failed again"),
        pytest.param(replace(WAITING, actor="user:ann"), [], MENDED, "", id="a person's"),
        pytest.param(replace(WAITING, phase=Phase.RUNNING), [], MENDED, "", id="begun"),
        pytest.param(replace(WAITING, rollback=""), [], MENDED, "", id="none"),
    ],
)
def test_overtaken(record, promotions, verification, expected):
    """A rollback made by itself does not undo what was mended while it waited."""
    sentence = overtaken(record, History("test", [], promotions, verification))
    assert sentence == expected == "" or (expected and expected in sentence)
