"""Names people can say: every Freight gets an alias like `nimble-otter`."""

from collections.abc import Iterator
from random import Random

from flows.freight.alias_words import ADJECTIVES, ANIMALS

PLAIN = 50
"""How many two-word aliases are suggested before numbers are added, for a Project that has used many of them."""


def suggest(random: Random) -> Iterator[str]:
    """Yield aliases without end; the caller takes the first one its Project does not have yet."""
    for _ in range(PLAIN):
        yield _pair(random)
    while True:
        yield f"{_pair(random)}-{random.randrange(2, 10_000)}"


def _pair(random: Random) -> str:
    return f"{random.choice(ADJECTIVES)}-{random.choice(ANIMALS)}"
