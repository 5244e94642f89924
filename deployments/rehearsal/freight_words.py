"""Freight as a scenario names it: by what it holds, since its own name and alias are not known before."""

from collections.abc import Iterable, Sequence
from typing import Any

from blocks.errors import NotFound
from blocks.ledger.records import FreightRecord
from flows.freight.describe import one_line

AND = " + "
"""Between parts that the Freight must hold all of: `1.4.0 + Raise limits`."""

SHORTEST_ID = 7
"""Characters of a commit's id below which it is none."""


def holds(freight: Sequence[FreightRecord], text: str) -> bool:
    """Whether these Freight together hold every part of a text.

    A part is a tag, a version, the first line of a commit's message, a commit's id or the start of one, the name of
    the Freight or its alias; a tag and a version may follow the last part of their repository: `web:1.4.0`.
    """
    return all(any(_holds(each, part) for each in freight) for part in text.split(AND))


def newest(freight: Iterable[FreightRecord], text: str) -> FreightRecord:
    """Find the newest that a text means. Raises NotFound, naming those that there are."""
    known = list(freight)
    fitting = [each for each in known if holds([each], text)]
    if not fitting:
        there = "; ".join(spoken([each]) for each in known) or "none"
        raise NotFound(f"there is no Freight with {text!r}; there are: {there}")
    return max(fitting, key=lambda each: (each.discovered_at, each.name))


def spoken(freight: Sequence[FreightRecord]) -> str:
    """Say what Freight hold, for a report."""
    return ", ".join(_with_messages(each) for each in freight) or "nothing"


def _with_messages(freight: FreightRecord) -> str:
    messages = [f" {_first_line(commit)!r}" for commit in freight.content.get("commits") or [] if _first_line(commit)]
    return one_line(freight.content) + "".join(messages)


def _holds(freight: FreightRecord, part: str) -> bool:
    part = part.strip()
    if part in (freight.name, freight.alias) or part in _words(freight.content):
        return True
    ids = [commit.get("id", "") for commit in freight.content.get("commits") or []]
    return len(part) >= SHORTEST_ID and any(each.startswith(part) for each in ids)


def _words(content: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for kind, fields in {
        "images": ("tag",),
        "charts": ("version",),
        "commits": ("tag",),
        "artifacts": ("version",),
    }.items():
        for artifact in content.get(kind) or []:
            where = str(artifact.get("repoURL") or artifact.get("subscriptionName") or "").removesuffix(".git")
            last = artifact.get("name") or where.rstrip("/").rpartition("/")[2]
            said = [str(artifact[field]) for field in fields if artifact.get(field)]
            said += [_first_line(artifact)] if _first_line(artifact) else []
            found |= {each for version in said for each in (version, f"{last}:{version}", f"{where}:{version}")}
    return found


def _first_line(artifact: dict[str, Any]) -> str:
    return str(artifact.get("message") or "").partition("\n")[0].strip()
