"""Specs that are read again and again are validated once: 1,000 Stages take longer to validate than to read."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from blocks.ledger.records import Definition, Json

T = TypeVar("T")

MOST = 20_000
"""Specs kept; those not asked for the longest go first."""


class Parsed(Generic[T]):
    """What became of definitions' specs. What is kept is used only for a spec that is equal, so it is never stale."""

    def __init__(self, parse: Callable[[Json], T], most: int = MOST) -> None:
        """Keep how a spec is read. What it becomes must not be changed by anybody."""
        self._parse, self._most = parse, most
        self._kept: OrderedDict[tuple[str, str, str], tuple[Json, T]] = OrderedDict()

    def of(self, definition: Definition) -> T:
        """Read a definition's spec. Raises what reading raises."""
        key, spec = (definition.kind, definition.project, definition.name), definition.spec
        known = self._kept.get(key)
        if known is None or known[0] != spec:
            known = spec, self._parse(spec)
            self._kept[key] = known
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return known[1]
