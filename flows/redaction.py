"""Keeping secrets out of what is said: of messages and recorded values, not of what the world is asked."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "*****"
SHORTEST = 4
"""Shorter texts stand in many a sentence that tells nothing of them."""

SHORTEST_LINE = 12
"""The same for one line of a secret of several: indented or in a diff, they do not stand together."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Put stars in the place of every secret, also written for a URL, in base64, or line by line; longest first."""
    known = {secret for secret in secrets if len(secret) >= SHORTEST}
    if not known or not text:
        return text
    forms = known.union(*map(_forms, known))
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def redacted_deep(value: Any, secrets: Iterable[str]) -> Any:
    """Redact every text in lists and maps, keys included."""
    if isinstance(value, str):
        return redacted(value, secrets)
    if isinstance(value, Mapping):
        return {redacted_deep(key, secrets): redacted_deep(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_deep(each, secrets) for each in value]
    return value


def _forms(secret: str) -> list[str]:
    lines = [line for line in map(str.strip, secret.splitlines()) if len(line) >= SHORTEST_LINE]
    return [quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode(), *lines]
