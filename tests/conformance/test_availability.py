"""Freight is available to Stages as the conformance cases say.

`want.listed` is Kargo's second, separate answer; where it differs from the admission rule it is a quirk, and here one
predicate serves both.
"""

import pytest

from flows.stage.availability import Available, available
from tests.conformance.cases import cases
from tests.flows.stage.from_kargo import freight, instant, spec


def _answer(case):
    stage = case["stage"]
    verdict = available(stage["project"], stage["name"], spec(stage), *freight(case["freight"]), instant(case["now"]))
    return isinstance(verdict, Available)


@pytest.mark.parametrize("case", cases("availability.json"))
def test_admission(case):
    """May this Freight be promoted to the Stage?"""
    assert case["want"]["available"] == _answer(case)


@pytest.mark.parametrize("case", cases("availability.json"))
def test_listing(case):
    """Is it among the Freight people and auto-promotion are shown?"""
    assert case["want"]["listed"] == _answer(case)
