"""Promotion steps and tasks as people write them (Kargo: promotionTemplate, PromotionTask)."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from flows.model import Model

Duration = str
"""A Go duration such as `1h30m`."""


class Variable(Model):
    """A named value; in a task, a variable without value is one that callers must give."""

    name: str = Field(min_length=1, description="Name, seen in expressions as `vars.<name>`.")
    value: str | None = Field(default=None, description="Value, may hold expressions over earlier variables.")


class Retry(Model):
    """How long and how often a step is tried."""

    timeout: Duration | None = Field(default=None, description="How long the step may take since its first start.")
    error_threshold: int = Field(
        default=0, ge=0, description="Errored attempts that end the step; 0 is the default of 1."
    )
    backoff: Duration | None = Field(
        default=None, description="Pause after the first error, doubled after each further one. Not Kargo's."
    )


class TaskReference(Model):
    """Which task's steps stand here."""

    name: str = Field(min_length=1, description="Name of the task.")
    kind: Literal["PromotionTask", "ClusterPromotionTask"] = Field(
        default="PromotionTask", description="PromotionTask of the project, or ClusterPromotionTask."
    )


class Step(Model):
    """One step: a kind to run or a task to stand in for."""

    uses: str | None = Field(default=None, description="Step kind.")
    task: TaskReference | None = Field(default=None, description="Task whose steps are put here.")
    as_: str | None = Field(default=None, alias="as", description="Alias, seen in expressions as `outputs.<alias>`.")
    if_: str | None = Field(default=None, alias="if", description="Expression that decides whether the step runs.")
    continue_on_error: bool = Field(default=False, description="Whether a failure leaves the promotion unharmed.")
    on_abort: bool = Field(default=False, description="Whether it runs after an abort, too, to clean up. Not Kargo's.")
    retry: Retry = Field(default_factory=Retry, description="Time and error limits.")
    vars: list[Variable] = Field(default_factory=list, description="Variables of this step.")
    config: dict[str, Any] | None = Field(default=None, description="The step's own settings, may hold expressions.")

    @model_validator(mode="after")
    def _one_of_uses_and_task(self) -> Self:
        if (self.uses is None) == (self.task is None):
            raise ValueError("a step has exactly one of 'uses' and 'task'")
        return self


class PromotionTemplateSpec(Model):
    """What every Promotion into a Stage does."""

    vars: list[Variable] = Field(default_factory=list, description="Variables, over the Stage's.")
    steps: list[Step] = Field(default_factory=list, description="Steps, in order.")


class PromotionTemplate(Model):
    """Wrapper of the template's spec, as Kargo's."""

    spec: PromotionTemplateSpec = Field(description="The template.")


class PromotionTaskSpec(Model):
    """Steps that several Stages share."""

    vars: list[Variable] = Field(default_factory=list, description="Parameters, with defaults where they have a value.")
    steps: list[Step] = Field(min_length=1, description="Steps; each `uses` a kind, tasks do not nest.")
