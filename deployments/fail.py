"""How a command ends when it cannot do what it was asked."""

import sys
from typing import NoReturn


def fail(sentence: str) -> NoReturn:
    """Say why on stderr and end with 1."""
    print(f"Error: {sentence}", file=sys.stderr)
    raise SystemExit(1)
