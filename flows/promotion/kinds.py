"""Every kind of step there is here: the table of our own, and behind it what packages offer.

A package that cannot be used is a kind, too: one whose steps say why. So it breaks only the promotions that use it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

from pydantic import BaseModel

from blocks.errors import DrayageError
from flows.plugin.installed import Installed
from flows.promotion.custom import CustomStep, Unchecked, custom_step
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.result import StepContext, StepResult
from flows.promotion.steps import STEPS

GROUP = "drayage.steps"
"""The group of entry points by which packages offer kinds of steps."""

NOUN = "step kind"

Json = dict[str, Any]


@dataclass(frozen=True)
class UnusableStep:
    """A kind that a package offers and that cannot be loaded; its steps say why."""

    error: DrayageError
    OUTWARD: bool = True

    Config: type[BaseModel] = Unchecked

    async def run(self, config: BaseModel, ctx: StepContext) -> StepResult:
        """Say why it cannot be used."""
        raise self.error

    async def foresee(self, config: BaseModel, ctx: StepContext, imagined: Imagined) -> Foreseen:
        """Say so in a preview, too."""
        raise self.error


@lru_cache(maxsize=1)
def installed() -> Installed[CustomStep]:
    """Read what is installed, once per process; loading comes later, kind by kind."""
    return Installed(tuple(metadata.entry_points(group=GROUP)), NOUN, custom_step)


async def kinds_for(steps: Iterable[Json], others: Installed[CustomStep] | None = None) -> Mapping[str, Any]:
    """Return all kinds of our own, and those of packages that these steps use, loaded."""
    others = others or installed()
    used = {step["uses"] for step in steps} - STEPS.keys()
    return {**STEPS, **{name: await _load(others, name) for name in used & set(others.names)}}


async def _load(others: Installed[CustomStep], name: str) -> CustomStep | UnusableStep:
    try:
        return (await others.load(name))[0]
    except DrayageError as error:
        return UnusableStep(error)


def config_of(name: str, others: Installed[CustomStep] | None = None) -> type[BaseModel]:
    """Return a kind's model of its settings; blocking. Raises DrayageError when a package's kind cannot be used."""
    return STEPS[name].Config if name in STEPS else (others or installed()).load_blocking(name).model


def offered(others: Installed[CustomStep] | None = None) -> list[str]:
    """The names of all kinds, usable or not."""
    return sorted({*STEPS, *(others or installed()).names})


def clashes(steps: Iterable[Json], others: Installed[CustomStep] | None = None) -> list[str]:
    """A sentence for each kind these steps use that a package offers in vain, because it is one of our own."""
    known = others or installed()
    taken = {step["uses"] for step in steps} & STEPS.keys()
    return [
        f"{known.origin(offer)} is not used, because a built-in step has that name"
        for offer in known.offers
        if offer.name in taken
    ]
