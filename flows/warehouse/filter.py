"""Which tags and paths a subscription lets through. Regular expressions are RE2, as in Go."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2

from blocks.errors import Invalid
from flows.warehouse.model import TagFilters, TagPatterns


@lru_cache(maxsize=1024)
def regex(pattern: str) -> Any:
    """Compile an RE2 pattern. Raises Invalid with a sentence when it is none."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise Invalid(f"{pattern!r} is no RE2 regular expression: {reason}") from None


def allowed_tags(filters: TagFilters, tags: Iterable[str]) -> list[str]:
    """Return the tags that pass. Raises Invalid for a broken expression and for the fields Kargo 1.11 removed."""
    refuse_removed_fields(filters)
    return passing(filters, tags)


def passing(patterns: TagPatterns, tags: Iterable[str]) -> list[str]:
    """Return the tags no ignore-expression and, if there are any, some allow-expression matches; the order stays.

    Raises Invalid for a broken expression.
    """
    ignored = [regex(pattern) for pattern in patterns.ignore_tags_regexes]
    allowed = [regex(pattern) for pattern in patterns.allow_tags_regexes]
    return [
        tag
        for tag in tags
        if not any(pattern.search(tag) for pattern in ignored)
        and (not allowed or any(pattern.search(tag) for pattern in allowed))
    ]


def refuse_removed_fields(filters: TagFilters) -> None:
    """Raise Invalid when a subscription still uses `allowTags` or `ignoreTags`."""
    for field, value in (("allowTags", filters.allow_tags), ("ignoreTags", filters.ignore_tags)):
        if value:
            raise Invalid(f"{field} was removed by Kargo 1.11; use {field}Regexes with a list of regular expressions")
