"""Keeping secrets out of what is said: of messages and recorded values, not of what the world is asked."""

from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "*****"
SHORTEST = 4
"""Shorter texts stand in many a sentence that tells nothing of them."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Put stars in the place of every secret, also where it was written for a URL; the longest first."""
    known = {secret for secret in secrets if len(secret) >= SHORTEST}
    forms = known | {quote(secret) for secret in known} | {quote(secret, safe="") for secret in known}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
