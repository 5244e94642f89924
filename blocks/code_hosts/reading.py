"""Reading what code hosts answer: JSON of which nothing is certain."""

from collections.abc import Iterator
from typing import Any

from blocks.errors import BadAnswer

MOST_SAID = 300
"""Characters of a host's own words that are passed on."""

_WORDS = ("message", "error", "errors", "detail", "error_description", "fields")


def value(body: Any, *path: str) -> Any:
    """Follow keys into nested objects; None where they lead nowhere."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def text(body: Any, *path: str) -> str:
    """A text of printable characters; empty when there is none."""
    found = value(body, *path)
    return "".join(filter(str.isprintable, found)) if isinstance(found, str) else ""


def number(body: Any, *path: str) -> int:
    """A number of a pull request. Raises BadAnswer when there is none."""
    found = value(body, *path)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**53:
        raise BadAnswer(f"the code host answered a pull request without a number in {'.'.join(path)!r}")
    return found


def flag(body: Any, *path: str) -> bool:
    """Whether something is true."""
    return value(body, *path) is True


def differ(body: Any, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two places of an answer name different things; not where the second names nothing."""
    return value(body, *other) is not None and value(body, *one) != value(body, *other)


def objects(body: Any, *path: str) -> list[dict[str, Any]]:
    """A list of objects. Raises BadAnswer when it is none."""
    found = value(body, *path)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadAnswer("the code host answered something that is no list")
    return found


def branch(reference: str) -> str:
    """The name of a branch without `refs/heads/`."""
    return reference.removeprefix("refs/heads/")


def said(body: Any) -> str:
    """The host's own words for why it refused, whatever shape it puts them into; empty when it says nothing."""
    words = dict.fromkeys(text for text in _words(body, 5) if text)
    return "; ".join(words)[:MOST_SAID]


def _words(body: Any, depth: int) -> Iterator[str]:
    if isinstance(body, str):
        yield "".join(filter(str.isprintable, body)).strip()
    elif isinstance(body, list) and depth:
        for each in body[:10]:
            yield from _words(each, depth - 1)
    elif isinstance(body, dict) and depth:
        for key in _WORDS:
            yield from _words(body.get(key), depth - 1)
