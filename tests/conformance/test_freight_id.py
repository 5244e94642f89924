"""Freight and collections are named as the conformance cases say."""

import pytest

from flows.freight.identity import canonical, collection_canonical, collection_id, freight_name
from tests.conformance.cases import cases


@pytest.mark.parametrize("case", cases("freight_id.json", lambda case: case["op"] == "freight"))
def test_freight(case):
    """The same contents from the same origin have the same name."""
    content = {kind: case[kind] for kind in ("commits", "images", "charts", "artifacts") if kind in case}
    origin, kind = case["origin"]["name"], case["origin"]["kind"]
    assert case["want"]["canonical"] == canonical(origin, content, kind)
    assert case["want"]["name"] == freight_name(origin, content, kind)


@pytest.mark.parametrize("case", cases("freight_id.json", lambda case: case["op"] == "collection"))
def test_collection(case):
    """The order of the names does not matter."""
    assert case["want"]["canonical"] == collection_canonical(case["freightNames"])
    assert case["want"]["name"] == collection_id(case["freightNames"])
