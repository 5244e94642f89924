"""Addresses as people write them, and services' own words."""

import httpx
import pytest

from blocks.errors import Invalid
from blocks.metrics.address import without_login
from blocks.metrics.service import said


@pytest.mark.parametrize(
    ("written", "address", "header"),
    [
        ("https://g.example.com/", "https://g.example.com", {}),
        ("http://g:8080/base", "http://g:8080/base", {}),
        ("https://me:p%40ss@g/", "https://g", {"Authorization": "Basic bWU6cEBzcw=="}),
        ("https://[::1]:80", "https://[::1]:80", {}),
    ],
)
def test_addresses(written, address, header):
    """A login becomes a header."""
    assert without_login(written, "a metric") == (address, header)


@pytest.mark.parametrize("written", ["", "g.example.com", "ftp://g", "http://", "http://[", "http://g:x", "httpx://g"])
def test_addresses_that_are_none(written):
    """What cannot be asked is refused without being repeated, for it may hold a password."""
    with pytest.raises(Invalid, match="the address of a metric is no http:// or https:// URL"):
        without_login(written, "a metric")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors": ["a", "b"]}', "a; b"),
        (b'{"error": {"message": "m"}}', "m"),
        (b'{"message": "m", "code": 1}', "m"),
        (b'{"code": 1}', '{"code": 1}'),
        (b" plain \n", "plain"),
        (b"x" * 400, "x" * 300 + "…"),
        (b"[" * 100_000, "[" * 300 + "…"),
    ],
    ids=["list", "nested", "message", "no-words", "plain", "long", "deep"],
)
def test_own_words(body, words):
    """What a service says is found in the shapes that there are, and cut."""
    assert said(httpx.Response(400, content=body)) == words
