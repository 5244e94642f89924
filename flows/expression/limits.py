"""What one evaluation may cost, so that no expression hangs or exhausts a worker."""

import time

from flows.expression.errors import Fault

MAX_SOURCE = 100_000
"""Characters of one expression."""
MAX_TOKENS = 10_000
"""Tokens of one expression."""
MAX_NODES = 10_000
"""Nodes of one syntax tree, the reference's limit."""
MAX_DEPTH = 200
"""Nesting of one syntax tree, and of a value that an expression makes."""
MAX_CACHED = 4_000
"""Characters of an expression that is kept compiled."""
MAX_ELEMENTS = 1_000_000
"""Array and map elements made during one evaluation, the reference's memory budget."""
MAX_TEXT = 100_000_000
"""Characters read or written by built-ins during one evaluation."""
MAX_STRING = 10_000_000
"""Characters of one string."""
MAX_SECONDS = 1.0
"""Processor time of one evaluation."""

_STRIDE = 512


class Budget:
    """Counts what an evaluation spends and stops it at the first limit."""

    __slots__ = ("_deadline", "_next", "elements", "steps", "text")

    def __init__(self) -> None:
        """Start with nothing spent."""
        self.elements = 0
        self.text = 0
        self.steps = 0
        self._next = _STRIDE
        self._deadline = 0.0

    def grow(self, size: int) -> None:
        """Account for `size` new elements."""
        self.elements += size
        if self.elements >= MAX_ELEMENTS:
            raise Fault(f"it makes more than {MAX_ELEMENTS} elements")

    def write(self, size: int) -> None:
        """Account for `size` characters handled."""
        if size > MAX_STRING:
            raise Fault(f"a string would be longer than {MAX_STRING} characters")
        self.text += size
        if self.text > MAX_TEXT:
            raise Fault(f"it handles more than {MAX_TEXT} characters")
        self.step(1 + size // 1000)

    def step(self, steps: int = 1) -> None:
        """Account for steps of a loop; the clock is read every few hundred."""
        self.steps += steps
        if self.steps >= self._next:
            self._next = self.steps + _STRIDE
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """Stop when the time is up."""
        now = time.thread_time()
        if not self._deadline:
            self._deadline = now + MAX_SECONDS
        elif now > self._deadline:
            raise Fault(f"it takes longer than {MAX_SECONDS:g} s")
