"""A dry run: local steps are run for real in a scratch directory, all others say what they would do.

Nothing outside is changed. What cannot be known before (the answer of a server, the decision of a person) hinders only
the steps that use it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from blocks.errors import DrayageError, Terminal
from blocks.ledger.records import StepRun, StepStatus
from flows.expression.errors import ExpressionError
from flows.promotion import rules
from flows.promotion.attempt import check, run
from flows.promotion.engine import fresh, refusal
from flows.promotion.environment import PUBLISHES, Scope, configured
from flows.promotion.foresight import Effect, Foreseen, Imagined, by_default, effect
from flows.promotion.inflate import SEPARATOR
from flows.promotion.result import StepContext
from flows.promotion.rules import Attempted, Limits
from flows.promotion.steps import STEPS
from flows.redaction import redacted_deep

Json = dict[str, Any]
Verdict = Literal["done", "foreseen", "skipped", "unforeseen", "fails"]
"""What became of a step in a dry run: done for real, told, left out, not to be known, or sure to fail."""

_EXPRESSION = re.compile(r"\$\{[{%].*?[%}]\}", re.DOTALL)
_ANY_OUTPUT = re.compile(r"\boutputs\b(?!\s*(\?\s*\.|\.|\[\s*['\"]))")


@dataclass(frozen=True)
class DryStep:
    """One step of a dry run. `description` is Markdown, `diff` what it changes in files; no secret is in them."""

    alias: str
    uses: str
    effect: Effect
    verdict: Verdict
    description: str = ""
    diff: str = ""


async def dry_run(
    steps: Sequence[Json],
    done: list[DryStep],
    *,
    scope: Scope,
    context: Callable[[StepRun], StepContext],
    now: datetime,
    say: Callable[[str], None],
    kinds: Mapping[str, Any] = STEPS,
) -> bool:
    """Go through frozen steps in order and add each to `done`; `say` hears before each which it is.

    Returns False when a step is sure to fail that may not.
    """
    driver = _Driver(scope, context, now, kinds)
    for index, step in enumerate(steps):
        say(f"step {step['as']!r} ({step['uses']})")
        seen = await driver.next(fresh(index, step), step)
        hidden = redacted_deep({"description": seen.description, "diff": seen.diff}, scope.secrets)
        done.append(replace(seen, **hidden))
    return not rules.has_failures(driver.runs)


@dataclass
class _Driver:
    """Goes from step to step. Of `unknown` ones nobody can know the outputs; `imagined` is what would be outside."""

    scope: Scope
    context: Callable[[StepRun], StepContext]
    now: datetime
    kinds: Mapping[str, Any]
    imagined: Imagined = field(default_factory=Imagined)
    runs: list[StepRun] = field(default_factory=list)
    unknown: list[StepRun] = field(default_factory=list)

    async def next(self, run: StepRun, step: Json) -> DryStep:
        """Try one step."""
        kind = self.kinds.get(run.uses)
        if kind is None:
            return self._ends(run, "outward", StepStatus.ERRORED, f"there is no step kind {run.uses!r}")
        does = effect(kind)
        try:
            if not (hidden := uses(step.get("if"), run.alias, self.unknown)):
                if why := refusal(self.scope, step, self.runs):
                    return self._ends(run, does, StepStatus.SKIPPED, why)
                hidden = uses([step.get("config"), step.get("vars")], run.alias, self.unknown)
            if hidden:
                return self._unforeseen(run, does, f"it depends on the outputs of step {hidden!r}")
            config = configured(self.scope, step, [*self.runs, run])
        except (ExpressionError, DrayageError) as error:
            return self._fails(run, does, rules.broken(str(error)))
        return await self._tried(run, kind, does, config)

    async def _tried(self, run: StepRun, kind: Any, does: Effect, config: Json) -> DryStep:
        begun = rules.started(run, self.now)
        try:
            answer = await self._answer(kind, does, config, self.context(begun))
        except Exception as error:
            attempted = rules.attempted(error)
            if does != "local" and not isinstance(error, Terminal):
                return self._unforeseen(run, does, attempted.message)
            return self._fails(run, does, attempted)
        if isinstance(answer, Foreseen):
            self._passed(begun, Attempted(StepStatus.SUCCEEDED, outputs=answer.outputs), answer.known)
            told: Verdict = "done" if does == "local" else "foreseen"
            return DryStep(run.alias, run.uses, does, told, answer.description, answer.diff)
        if answer.status not in (StepStatus.SUCCEEDED, StepStatus.SKIPPED):
            return self._fails(run, does, answer)
        self._passed(begun, answer, True)
        skipped = answer.status is StepStatus.SKIPPED
        return DryStep(run.alias, run.uses, does, "skipped" if skipped else "done", answer.message)

    async def _answer(self, kind: Any, does: Effect, config: Json, ctx: StepContext) -> Foreseen | Attempted:
        checked = check(kind, config)
        if hasattr(kind, "foresee"):
            foreseen: Foreseen = await kind.foresee(checked, ctx, self.imagined)
            return foreseen
        if does == "local":
            return rules.attempted(await run(kind, checked, ctx))
        return by_default(does, redacted_deep(config, self.scope.secrets))

    def _passed(self, run: StepRun, attempted: Attempted, known: bool) -> None:
        run = rules.settled(run, attempted, Limits(), self.now)
        self.runs.append(run)
        if not known:
            self.unknown.append(run)

    def _unforeseen(self, run: StepRun, does: Effect, why: str) -> DryStep:
        self._passed(run, Attempted(StepStatus.SUCCEEDED), False)
        return DryStep(run.alias, run.uses, does, "unforeseen", f"not foreseen: {why}")

    def _fails(self, run: StepRun, does: Effect, attempted: Attempted) -> DryStep:
        """End a step that cannot succeed; where the steps before are not all known, neither is that."""
        if self.unknown:
            return self._unforeseen(run, does, f"{attempted.message}; what was not foreseen before may mend that")
        return self._ends(run, does, StepStatus.ERRORED, attempted.message)

    def _ends(self, run: StepRun, does: Effect, status: StepStatus, why: str) -> DryStep:
        self.runs.append(rules.passed_over(run, status, why, self.now))
        return DryStep(run.alias, run.uses, does, "skipped" if status is StepStatus.SKIPPED else "fails", why)


def uses(templates: Any, alias: str, steps: Sequence[StepRun]) -> str:
    """Find the first of some steps whose outputs the templates of step `alias` name; empty when they name none.

    An expression that takes all outputs at once, or chooses among them by a value, names every step.
    """
    expressions = [found for text in _texts(templates) for found in _EXPRESSION.findall(text)]
    for step in steps:
        named = "|".join(re.escape(name) for name in _names(step, alias))
        output = re.compile(rf"\boutputs\s*(\?\s*)?(\.\s*({named})(?![\w-])|\[\s*(['\"])({named})\4\s*\])")
        if any(_ANY_OUTPUT.search(each) or output.search(each) for each in expressions):
            return step.alias
    return ""


def _names(step: StepRun, seen_from: str) -> list[str]:
    """The names by which a step's outputs can be meant: in full, within its task, and as its task's own."""
    task, _, short = step.alias.rpartition(SEPARATOR)
    names = [step.alias]
    if task and seen_from.startswith(task + SEPARATOR):
        names.append(short)
    if task and step.uses == PUBLISHES:
        names.append(task)
    return names


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
