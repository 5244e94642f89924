"""One attempt of one step: its config checked, its kind's `run` called."""

import asyncio
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from blocks.errors import Invalid
from flows.promotion.result import Failed, StepContext, StepResult
from flows.promotion.steps import STEPS

Json = dict[str, Any]


async def attempt(step: Json, config: Json, ctx: StepContext, kinds: Mapping[str, Any] = STEPS) -> StepResult:
    """Check the evaluated config and run the step; a config that is wrong is Failed for good (Kargo)."""
    kind = kinds[step["uses"]]
    try:
        checked = check(kind, config)
    except Invalid as error:
        return Failed(str(error))
    return await run(kind, checked, ctx)


async def run(kind: ModuleType, config: BaseModel, ctx: StepContext) -> StepResult:
    """Call a kind's `run`, in a thread when it is a plain function."""
    if inspect.iscoroutinefunction(kind.run):
        return cast(StepResult, await kind.run(config, ctx))
    return cast(StepResult, await asyncio.to_thread(kind.run, config, ctx))


def check(kind: ModuleType, config: Json) -> BaseModel:
    """Validate an evaluated config. Raises Invalid with every problem, none of which tells a value."""
    return validated(kind.Config, config)


def validated(model: type[BaseModel], config: Json) -> BaseModel:
    """Validate an evaluated config by its model. Raises Invalid with every problem, none of which tells a value."""
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems = [
            f"{_path(problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Invalid("the config is not valid: " + "; ".join(problems)) from None


def _path(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "config" + "".join(parts)
