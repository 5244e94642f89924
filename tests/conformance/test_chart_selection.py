"""Chart versions are chosen as the conformance cases say."""

import pytest

from blocks.errors import Invalid
from flows.warehouse.chart_choose import choose_versions
from flows.warehouse.model import ChartSubscription
from tests.conformance.cases import cases


@pytest.mark.parametrize("case", cases("chart_selection.json"))
def test_chart_selection(case):
    """Versions within the constraint, newest first."""
    if "error" in case["want"]:
        with pytest.raises((ValueError, Invalid)):
            chosen(case)
    else:
        assert case["want"]["versions"] == chosen(case)


def chosen(case):
    """Choose from the index's entry, or from the tags."""
    subscription = ChartSubscription.model_validate(case["subscription"])
    listed = case["tags"] if "tags" in case else case["index"].get(subscription.name, [])
    return choose_versions(subscription, listed)
