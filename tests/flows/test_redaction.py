"""What is put in the place of secrets, and what is left alone."""

import pytest

from flows.redaction import redacted, redacted_deep


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        pytest.param("Bearer abcdef was refused", ["abcdef"], "Bearer ***** was refused", id="plain"),
        pytest.param("GET http://h/?k=a%2Fb%2Bc%20d", ["a/b+c d"], "GET http://h/?k=*****", id="quoted-for-a-query"),
        pytest.param("GET http://h/a/b%2Bc", ["a/b+c"], "GET http://h/*****", id="quoted-for-a-path"),
        pytest.param("abcdefgh", ["abcd", "abcdefgh"], "*****", id="longest-first"),
        pytest.param("step 1 is true", ["1", "", "is"], "step 1 is true", id="too-short-to-be-one"),
        pytest.param("nothing here", [], "nothing here", id="none"),
        pytest.param("auth: YWJjZGVm", ["abcdef"], "auth: *****", id="base64"),
        pytest.param(
            "+  begin-of-the-key\n+  0123456789abcdef\n+  yes",
            ["begin-of-the-key\n0123456789abcdef\nyes\n"],
            "+  *****\n+  *****\n+  yes",
            id="line-by-line-in-a-diff",
        ),
    ],
)
def test_redacted(text: str, secrets: list[str], expected: str):
    """Every form of every secret is hidden, and ordinary words are not."""
    assert redacted(text, secrets) == expected


def test_redacted_deep():
    """Texts anywhere in a value are hidden, other things stay."""
    given = {"a": ["x abcdef", 1, None], "abcdef": {"b": "abcdef", "c": True}}
    assert redacted_deep(given, ["abcdef"]) == {"a": ["x *****", 1, None], "*****": {"b": "*****", "c": True}}
