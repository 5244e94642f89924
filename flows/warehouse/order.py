"""Orders that image tags, Git tags and chart versions share."""

from collections.abc import Iterable

from flows.warehouse.semver import Version, parse, sort_descending
from flows.warehouse.semver_constraint import Constraint


def by_semver(tags: Iterable[str], constraint: str | None, strict: bool) -> list[str]:
    """Return the tags that are versions within the constraint, newest first.

    Without a constraint pre-releases take part and may win. Raises Invalid when the constraint is none.
    """
    versions = (version for tag in tags if (version := parse(tag, strict)) is not None)
    return [version.original for version in sort_descending(within(versions, constraint))]


def within(versions: Iterable[Version], constraint: str | None) -> list[Version]:
    """Return the versions a constraint admits; no constraint admits all. Raises Invalid when it is none."""
    if not constraint:
        return list(versions)
    admitted = Constraint.parse(constraint)
    return [version for version in versions if admitted.check(version)]


def by_name(tags: Iterable[str]) -> list[str]:
    """Descending in byte order, so lower case comes before upper case."""
    return sorted(tags, reverse=True)
