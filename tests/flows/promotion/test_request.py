"""What a promotion request does next, and what it has come to."""

from dataclasses import replace

import pytest

from blocks.ledger.promotion_requests import TargetPromotion
from blocks.ledger.records import Phase, PromotionRecord
from flows.promotion.request import Begin, End, Wait, next_move, summary
from flows.stage.model import TargetLimits
from tests.flows.promotion.workspace import START

NAMES = {"P": Phase.PENDING, "R": Phase.RUNNING, "S": Phase.SUCCEEDED, "F": Phase.FAILED, "E": Phase.ERRORED}
NAMES |= {"A": Phase.ABORTED}


def asked(targets, retries=0):
    """A running request for the targets named by the letters."""
    chosen = [{"name": name, "labels": {}, "params": {}} for name in targets]
    record = PromotionRecord("shop", "prod.r", "prod", "f1", "main", "ada", START, phase=Phase.RUNNING)
    return replace(record, targets=chosen, retries=retries)


def known(words):
    """Promotions of targets, written `aS` or of an earlier round `aF-`."""
    return [
        TargetPromotion(
            "prod.r", f"prod.r.{word[0]}", word[0], NAMES[word[1]], f"{word[0]} said", -1 * ("-" in word), None
        )
        for word in words.split()
    ]


@pytest.mark.parametrize(
    ("targets", "words", "limits", "move"),
    [
        pytest.param("abc", "", (2, 1), Begin(("a", "b")), id="a few at once"),
        pytest.param("abc", "aR", (2, 1), Begin(("b",)), id="fill up"),
        pytest.param("abc", "aR bP", (2, 1), ("prod.r.a", "prod.r.b"), id="what waits to start counts too"),
        pytest.param("abc", "aS bR", (2, 1), Begin(("c",)), id="one ended"),
        pytest.param("abc", "aS bS cS", (2, 1), Phase.SUCCEEDED, id="all done"),
        pytest.param("", "", (2, 1), Phase.SUCCEEDED, id="no target at all"),
        pytest.param("abc", "aF bR", (2, 1), ("prod.r.b",), id="the budget is used up: those at work end"),
        pytest.param("abc", "aF bS", (2, 1), Phase.FAILED, id="and nothing further begins"),
        pytest.param("abc", "aF bR", (2, 2), Begin(("c",)), id="one failure is allowed"),
        pytest.param("abc", "aF bS cS", (2, 2), Phase.FAILED, id="but is a failure all the same"),
        pytest.param("abc", "aE bF", (2, 2), Phase.ERRORED, id="the worst counts"),
        pytest.param("abc", "aA bS cS", (2, 9), Phase.FAILED, id="what a person aborted did not take it"),
        pytest.param("abc", "aS bF-", (1, 1), Begin(("b",)), id="a retry forgets failures and keeps successes"),
        pytest.param("abc", "aS- bA- cF", (1, 1), Phase.FAILED, id="the budget is that of this round"),
        pytest.param("abc", "aS- bF- cS", (9, 1), Begin(("b",)), id="only what failed is done again"),
        pytest.param("ab", "aF- bR-", (1, 1), ("prod.r.b",), id="what is at work counts whatever round began it"),
    ],
)
def test_next_move(targets, words, limits, move):
    """Targets come in order, as many at once as may be, and none any more when the budget is used up."""
    answer = next_move(asked(targets), known(words), TargetLimits(maxConcurrent=limits[0], maxFailures=limits[1]))
    match answer:
        case Begin():
            assert answer == move
        case Wait():
            assert answer.names == move
        case End():
            assert answer.phase is move


def test_the_end_says_who_failed_and_who_was_spared():
    """The sentence of a failed request names failed targets, at most five, and how many never began."""
    few = next_move(asked("abcd"), known("aS bF"), TargetLimits(maxFailures=1))
    assert few == End(
        Phase.FAILED, "1 of 4 targets did not take it (b Failed: b said); 2 not begun, because maxFailures is 1"
    )
    many = next_move(asked("abcdefg"), known("aF bF cF dF eF fF gF"), TargetLimits(maxFailures=7))
    assert "7 of 7 targets" in many.sentence
    assert "and 2 more" in many.sentence
    assert next_move(asked("ab"), known("aS bS"), TargetLimits()).sentence == "all of 2 targets took it"
    waits = next_move(asked("abc"), known("aS bR cP"), TargetLimits())
    assert waits.sentence == "of 3 targets 1 pending, 1 running, 1 succeeded"


def test_summary():
    """Targets without a Promotion are Pending; one that is no target of the request counts for nothing."""
    counts = summary(asked("abcd"), known("aS bF zR"))
    assert counts == {"total": 4, "pending": 2, "running": 0, "succeeded": 1, "failed": 1, "errored": 0, "aborted": 0}
