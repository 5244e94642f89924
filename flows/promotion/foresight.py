"""What a step would do to the world outside, told without doing it.

The `foresee(config, ctx, imagined)` of a step module only reads. Without one, an OUTWARD step is shown with its config,
and one that is not is run; such a step needs a `foresee` only for what it does outside now and then.
"""

import io
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML

from blocks.git.access import mirror_key
from flows.promotion.result import Outputs

Effect = Literal["local", "outward", "waiting"]


def effect(kind: Any) -> Effect:
    """Tell what running a kind of step does: work in the working directory, change the world, or only wait for it."""
    if getattr(kind, "WAITS", False) or getattr(kind, "ASKS", False):
        return "waiting"
    return "outward" if kind.OUTWARD else "local"


LONGEST_CONFIG = 4_000
"""Characters of a config that are shown."""


@dataclass(frozen=True)
class Foreseen:
    """What a step would do, in Markdown, and where it changes files, how.

    `outputs` are plausible ones for the steps after it. When `known` is False they are not all that the step would
    put out, so what uses them cannot be foreseen.
    """

    description: str
    outputs: Outputs = field(default_factory=dict)
    known: bool = True
    diff: str = ""


@dataclass(frozen=True)
class Tip:
    """The commit a branch would stand on, and its message."""

    commit: str
    message: str


@dataclass
class Imagined:
    """What the steps so far would have changed outside, for those after them to find."""

    _branches: dict[tuple[str, str], Tip] = field(default_factory=dict)
    _pull_requests: list[Tip] = field(default_factory=list)

    def push(self, repo_url: str, branch: str, tip: Tip) -> None:
        """Remember what a branch would be."""
        self._branches[mirror_key(repo_url), branch] = tip

    def branch(self, repo_url: str, name: str) -> Tip | None:
        """What a branch would be, None when no step would have pushed to it."""
        return self._branches.get((mirror_key(repo_url), name))

    def open(self, tip: Tip) -> int:
        """Remember a pull request of this commit and return a number for it."""
        self._pull_requests.append(tip)
        return len(self._pull_requests)

    def pull_request(self, number: int) -> Tip | None:
        """What a pull request brings that no step has opened yet; None for any other."""
        return self._pull_requests[number - 1] if 0 < number <= len(self._pull_requests) else None


def by_default(kind: Effect, config: dict[str, Any]) -> Foreseen:
    """Foresee a step of which nothing but its config is known."""
    does = "waits, with" if kind == "waiting" else "would run with"
    return Foreseen(
        f"{does} this config:\n\n{fenced(cut(_yaml(config), LONGEST_CONFIG), 'yaml')}" if config else "", known=False
    )


def cut(text: str, limit: int) -> str:
    """The first lines of a text, up to some number of characters, with a word about what is left out.

    No line is cut in two: half a secret would not be known for one.
    """
    if len(text) <= limit:
        return text
    kept: list[str] = []
    room, lines = limit, text.splitlines()
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, f"… and {len(lines) - len(kept)} more lines"])


def fenced(text: str, language: str = "") -> str:
    """Text as a block of code that nothing in it can leave."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code(text: str) -> str:
    """Text as code within a line."""
    flat = " ".join(text.split()).replace("`", "'")
    return f"`{flat}`"


def _yaml(config: dict[str, Any]) -> str:
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(config, text)
    return text.getvalue()
