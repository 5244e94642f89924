"""What is put in the place of secrets, and what is left alone."""

import pytest

from flows.redaction import redacted


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        pytest.param("Bearer abcdef was refused", ["abcdef"], "Bearer ***** was refused", id="plain"),
        pytest.param("GET http://h/?k=a%2Fb%2Bc%20d", ["a/b+c d"], "GET http://h/?k=*****", id="quoted-for-a-query"),
        pytest.param("GET http://h/a/b%2Bc", ["a/b+c"], "GET http://h/*****", id="quoted-for-a-path"),
        pytest.param("abcdefgh", ["abcd", "abcdefgh"], "*****", id="longest-first"),
        pytest.param("step 1 is true", ["1", "", "is"], "step 1 is true", id="too-short-to-be-one"),
        pytest.param("nothing here", [], "nothing here", id="none"),
    ],
)
def test_redacted(text: str, secrets: list[str], expected: str):
    """Every form of every secret is hidden, and ordinary words are not."""
    assert redacted(text, secrets) == expected
