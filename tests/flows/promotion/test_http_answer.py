"""What an HTTP answer means to the `http` step, decided without a server."""

import pytest

from blocks.errors import BadAnswer
from flows.expression.errors import ExpressionError
from flows.promotion.http_answer import Answer, Criteria, decide
from flows.promotion.result import Failed, Succeeded

JSON, YAML, TEXT = "application/json", "application/yaml", "text/plain"


def body(kind, content, *, status=200):
    """What a step puts out as the body of an answer."""
    headers = [("Content-Type", kind)] if kind else []
    result = decide(Answer(status, headers, content.encode()), Criteria(outputs={"body": "response.body"}))
    assert isinstance(result, Succeeded)
    return result.outputs["body"]


@pytest.mark.parametrize(
    ("kind", "content", "seen"),
    [
        (JSON, '"up"', "up"),
        (JSON, "42", 42),
        (JSON, "true", True),
        (JSON, "null", None),
        (JSON, "9223372036854775807", 9223372036854775807),
        (JSON, "18446744073709551616", 18446744073709551616.0),
        (JSON, r'"\ud83d\ude00\ud800"', "\U0001f600\ufffd"),
        (JSON + "; charset=utf-8", "[1]", [1]),
        ("", "[1]", [1]),
        ("", "7", 7),
        ("application/vnd.yaml", "a: 1", {}),
        ("text/html", "NaN", {}),
        (YAML, "up", "up"),
        (YAML, "on: 2024-01-01\n1: yes", {"on": "2024-01-01", "1": True}),
        ("Text/YAML", "[1]", [1]),
        (TEXT, "{}", "{}"),
    ],
)
def test_bodies(kind, content, seen):
    """A body is read by its type, single values too; of an unknown type only what is JSON counts."""
    assert body(kind, content) == seen


@pytest.mark.parametrize(
    ("kind", "content"),
    [(JSON, "{"), (JSON, "NaN"), (JSON, "1e999"), (JSON, "[" * 100_000), (YAML, "a: [1"), (YAML, "@")],
)
def test_unreadable_bodies(kind, content):
    """A body that is not what its type says is an error, which may be another at the next attempt."""
    with pytest.raises(BadAnswer, match="cannot be read as"):
        body(kind, content)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("response.body.why", ': "a \\"b\\"\\n\\x01é"'),
        ("response.body.none ?? 'unknown'", ': "unknown"'),
        ("response.body.none", ""),
        ("response.body.none.deep", ""),
        ("response.body.list[7]", ""),
        ("response.status", ""),
        ("response.body.list", ""),
        ("''", ""),
    ],
)
def test_why_it_failed(error, said):
    """The reason is told where it is text, quoted as Go does; that it cannot be found does not hide the failure."""
    content = '{"why": "a \\"b\\"\\n\\u0001\\u00e9", "list": [1]}'
    result = decide(Answer(500, [("Content-Type", JSON)], content.encode()), Criteria(failure="true", error=error))
    assert result == Failed("HTTP (500) response met failure criteria" + said)


@pytest.mark.parametrize(
    "criteria", [{"success": "1 + 'a'"}, {"failure": "1 + 'a'"}, {"failure": "true", "error": "(1"}]
)
def test_what_can_never_be_evaluated(criteria):
    """An expression whose text is wrong, also in its types, ends the step for good."""
    with pytest.raises(ExpressionError, match="is no expression"):
        decide(Answer(200, [], b""), Criteria(**criteria))


@pytest.mark.parametrize("text", ["response.header(1)", "response.headers['X'][0]", "response.body.a.b == 1"])
def test_what_fails_on_one_response(text):
    """An expression that this response does not fit is an error that is tried again."""
    with pytest.raises(BadAnswer):
        decide(Answer(200, [], b""), Criteria(success=text))
