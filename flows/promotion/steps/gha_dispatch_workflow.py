"""gha-dispatch-workflow: start a GitHub workflow by hand, once, and find out which run that made.

GitHub does not say which. So the step first keeps which run was the newest, then dispatches, then looks for a newer
one: the one whose name has the promotion's in it, else the only one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from blocks.github_actions import WorkflowRun
from flows.duration import parse_duration
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.github_steps import GitHubConfig, actions_of
from flows.promotion.result import Failed, Outputs, StepContext, Succeeded, Waiting
from flows.promotion.web_address import Positive

OUTWARD = True

AT_ONCE = 0.1
LOOK_AGAIN = 2.0

STRAIGHT_ON = timedelta(seconds=5)
"""Within this after keeping the newest run the dispatch follows, unless the worker was killed between the two."""

MAYBE_SENT = timedelta(seconds=20)
"""For so long a run is looked for that a killed worker may have dispatched, before that is done again."""

LONGEST = 300.0


class Config(GitHubConfig):
    """What to start."""

    workflow_file: str = Field(
        min_length=1, max_length=255, description="File name of the workflow, such as `ci.yaml`."
    )
    ref: str = Field(min_length=1, max_length=255, description="Branch or tag to run it on.")
    inputs: dict[str, Any] = Field(default_factory=dict, max_length=25, description="The workflow's inputs.")
    timeout: Positive | int = Field(
        default=60, description="How long to look for the run; seconds as a number, at most 300."
    )

    @property
    def seconds(self) -> float:
        """The timeout, within the limit."""
        given = self.timeout
        seconds = float(given) if isinstance(given, int) else parse_duration(given).total_seconds()
        return min(max(seconds, 1.0), LONGEST)


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """Keep what is known, dispatch, look: one of these at each attempt, each saved before the next."""
    actions = await actions_of(config, ctx)
    now, known = ctx.now or ctx.started_at, ctx.previous
    runs = await actions.dispatched(config.workflow_file)
    if "newestRun" not in known:
        newest = max((each.id for each in runs), default=0)
        return Waiting("looked at the runs there are", AT_ONCE, {"newestRun": newest, "lookedAt": now.isoformat()})
    if found := correlated(runs, int(known["newestRun"]), ctx.promotion):
        return Succeeded({"runID": found.id, "url": found.url}, f"started {found.url or found.id}")
    if "dispatchedAt" not in known:
        if STRAIGHT_ON < now - datetime.fromisoformat(known["lookedAt"]) < MAYBE_SENT:
            return Waiting("looks whether it was started before", LOOK_AGAIN, dict(known))
        await actions.dispatch(
            config.workflow_file, config.ref, {key: str_of(each) for key, each in config.inputs.items()}
        )
        return Waiting("dispatched", LOOK_AGAIN, {**known, "dispatchedAt": now.isoformat()})
    return _not_there(config, runs, known, now)


def correlated(runs: Sequence[WorkflowRun], newest: int, promotion: str) -> WorkflowRun | None:
    """Return the run that was made since: the one named for the promotion, else the only new one."""
    new = [each for each in runs if each.id > newest]
    named = [each for each in new if promotion in each.title]
    if named:
        return min(named, key=lambda each: each.id)
    return new[0] if len(new) == 1 else None


def str_of(value: Any) -> Any:
    """An input as GitHub takes it: text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _not_there(config: Config, runs: Sequence[WorkflowRun], known: Outputs, now: datetime) -> Waiting | Failed:
    new = sum(each.id > int(known["newestRun"]) for each in runs)
    several = (
        f"{new} runs appeared, and none has the promotion's name: give the workflow a run-name with an input that has "
        "${{ ctx.promotion }}"
        if new
        else "no run appeared; see the workflow's page on GitHub"
    )
    if now - datetime.fromisoformat(known["dispatchedAt"]) > timedelta(seconds=config.seconds):
        return Failed(
            f"dispatched {config.workflow_file!r} on {config.ref!r}, but within {config.seconds:g} s {several}"
        )
    return Waiting("waits for the run to appear", LOOK_AGAIN, dict(known))


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Say what would be started; a workflow there is not is noticed."""
    await (await actions_of(config, ctx)).dispatched(config.workflow_file)
    names = ", ".join(map(code, config.inputs))
    given = f" with the input{'s' if len(config.inputs) > 1 else ''} {names}" if names else ""
    return Foreseen(f"would start {code(config.workflow_file)} on {code(config.ref)}{given}", known=False)
