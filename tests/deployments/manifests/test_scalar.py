"""Unquoted words mean what they mean to Kubernetes."""

import pytest

from deployments.manifests.scalar import resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("yes", True),
        ("On", True),
        ("TRUE", True),
        ("y", True),
        ("no", False),
        ("off", False),
        ("False", False),
        ("yEs", "yEs"),
        ("1", 1),
        ("-7", -7),
        ("1_000", 1000),
        ("010", 8),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("08", 8.0),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("+.5", 0.5),
        ("1.2.3", "1.2.3"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("v1", "v1"),
        ("5m", "5m"),
        (".inf", ".inf"),
        ("1" * 200, "1" * 200),
        ("٣", "٣"),
        ("=", "="),
    ],
)
def test_resolve(text, expected):
    """Booleans and numbers are YAML 1.1's; times, versions and durations stay texts."""
    value = resolve(text)
    assert (type(value), value) == (type(expected), expected)
