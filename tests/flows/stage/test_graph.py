"""Stages form a graph in which Freight must not go round in circles."""

import pytest

from flows.stage.graph import cycles, downstream
from flows.stage.model import StageSpec


def _stages(**upstreams):
    """Stages by name, each with the upstream Stages it lists; none means straight from the Warehouse."""
    return {
        name: StageSpec.model_validate(
            {
                "requestedFreight": [
                    {"origin": {"name": "w"}, "sources": {"stages": stages} if stages else {"direct": True}}
                ]
            }
        )
        for name, stages in upstreams.items()
    }


PIPELINE = _stages(test=[], uat=["test"], qa=["test"], prod=["uat", "qa"])


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param(PIPELINE, [], id="diamond"),
        pytest.param(_stages(a=["a"]), [["a"]], id="itself"),
        pytest.param(_stages(b=["a"], a=["b"]), [["a", "b"]], id="two"),
        pytest.param(_stages(a=["c"], b=["a"], c=["b"], d=["c"]), [["a", "b", "c"]], id="in-order-of-flow"),
        pytest.param(_stages(a=["b"], b=["a"], c=["d"], d=["c"]), [["a", "b"], ["c", "d"]], id="two-circles"),
        pytest.param(_stages(a=["gone"]), [], id="unknown-upstream"),
    ],
)
def test_cycles(stages, expected):
    """Each circle is reported once, from its smallest name."""
    assert cycles(stages) == expected


def test_a_long_pipeline_is_no_problem():
    """A thousand Stages in a row are walked without running out of stack."""
    stages = _stages(s0=["s1999"], **{f"s{n}": [f"s{n - 1}"] for n in range(1, 2000)})
    assert [len(cycle) for cycle in cycles(stages)] == [2000]


def test_downstream():
    """Only Stages directly downstream are named."""
    assert downstream(PIPELINE, "test") == ["uat", "qa"]


def test_direct_ignores_upstream_stages():
    """A direct request opens no way for circles, whatever Stages it lists besides."""
    sources = {"direct": True, "stages": ["a"]}
    stage = StageSpec.model_validate({"requestedFreight": [{"origin": {"name": "w"}, "sources": sources}]})
    assert cycles({"a": stage}) == []
