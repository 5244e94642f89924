"""Templates and documents of templates give what Kargo gives."""

from typing import Any

import pytest

from flows.expression import ExpressionError, go_json, render, render_text
from flows.expression.errors import Fault
from tests.conformance.cases import Case, cases


@pytest.mark.parametrize("case", cases("kargo_template.json", lambda case: "template" in case))
def test_template(case: Case):
    """One text with expressions becomes a string, a number, a boolean or JSON."""
    if case.get("error"):
        with pytest.raises(ExpressionError):
            render_text(case["template"], case.get("env", {}))
        return
    value = render_text(case["template"], case.get("env", {}))
    if case.get("kind") == "float":
        assert type(value) is float
        assert repr(value) == repr(float(case["want"]))
    else:
        assert _same(value, case["want"]), value


@pytest.mark.parametrize("case", cases("kargo_template.json", lambda case: "document" in case))
def test_document(case: Case):
    """Every value of a document is rendered, its keys are not."""
    if case.get("error"):
        with pytest.raises((ExpressionError, Fault, NotADocument)):
            _rendered(case)
    else:
        assert _same(_rendered(case), case["want"])


class NotADocument(Exception):
    """The JSON text holds no object."""


def _rendered(case: Case) -> Any:
    document = go_json.load(case["document"])
    if not isinstance(document, dict | None):
        raise NotADocument
    return render(document, case.get("env", {}))


def _same(value: Any, want: Any) -> bool:
    """Compare deeply, numbers by value, a boolean never with a number."""
    if isinstance(want, list):
        return isinstance(value, list) and len(value) == len(want) and all(map(_same, value, want))
    if isinstance(want, dict):
        return isinstance(value, dict) and value.keys() == want.keys() and all(_same(value[k], want[k]) for k in want)
    return isinstance(value, bool) == isinstance(want, bool) and value == want
