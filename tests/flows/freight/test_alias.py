"""Aliases people can say."""

import re
from itertools import islice
from random import Random

import pytest

from flows.freight.alias import PLAIN, suggest
from flows.freight.alias_words import ADJECTIVES, ANIMALS


@pytest.mark.parametrize("words", [ADJECTIVES, ANIMALS], ids=["adjectives", "animals"])
def test_words(words):
    """At least a hundred different words, each fit for a label."""
    assert len(words) == len(set(words)) >= 100
    assert [word for word in words if not re.fullmatch("[a-z]+", word)] == []


def test_two_words_first():
    """As long as two words are enough, there is no number."""
    for alias in islice(suggest(Random(1)), PLAIN):
        adjective, animal = alias.split("-")
        assert adjective in ADJECTIVES
        assert animal in ANIMALS


def test_never_runs_out():
    """A Project that used up every pair still gets aliases nobody has."""
    used = {f"{adjective}-{animal}" for adjective in ADJECTIVES for animal in ANIMALS}
    fresh = next(alias for alias in islice(suggest(Random(1)), 1_000) if alias not in used)
    assert re.fullmatch("[a-z]+-[a-z]+-[0-9]+", fresh)


def test_randomness_is_an_argument():
    """The same randomness suggests the same aliases."""
    assert list(islice(suggest(Random(7)), 5)) == list(islice(suggest(Random(7)), 5))
