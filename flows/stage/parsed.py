"""Specs that are read again and again are validated once: 1,000 Stages take longer to validate than to read."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import ValidationError

from blocks.errors import Invalid
from blocks.ledger.records import Definition, Json

T = TypeVar("T")

MOST = 20_000
"""Specs kept; those not asked for the longest go first."""

MOST_PROBLEMS = 3


class Parsed(Generic[T]):
    """What became of definitions' specs. What is kept is used only for a spec that is equal, so it is never stale."""

    def __init__(self, parse: Callable[[Json], T], most: int = MOST) -> None:
        """Keep how a spec is read. What it becomes must not be changed by anybody."""
        self._parse, self._most = parse, most
        self._kept: OrderedDict[tuple[str, str, str], tuple[Json, T]] = OrderedDict()

    def of(self, definition: Definition) -> T:
        """Read a definition's spec. Raises Invalid with its name when this version cannot."""
        key, spec = (definition.kind, definition.project, definition.name), definition.spec
        known = self._kept.get(key)
        if known is None or known[0] != spec:
            known = spec, self._read(definition)
            self._kept[key] = known
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return known[1]

    def _read(self, definition: Definition) -> T:
        try:
            return self._parse(definition.spec)
        except (ValueError, TypeError, AttributeError) as error:
            raise Invalid(_sentence(definition, error)) from None


def _sentence(definition: Definition, error: Exception) -> str:
    """Say what cannot be read and what to do: most likely a newer version wrote it. No value is told."""
    where = f" of project {definition.project!r}" if definition.project else ""
    return (
        f"{definition.kind} {definition.name!r}{where} cannot be read by this version ({_problems(error)}): "
        "bring Drayage up to date everywhere, or apply it again"
    )


def _problems(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"a {type(error).__name__} came of it"
    found = error.errors(include_url=False, include_input=False, include_context=False)
    said = [f"{'.'.join(map(str, each['loc'])) or 'spec'}: {each['msg']}" for each in found[:MOST_PROBLEMS]]
    return "; ".join(said) + (f"; and {len(found) - MOST_PROBLEMS} more" if len(found) > MOST_PROBLEMS else "")
