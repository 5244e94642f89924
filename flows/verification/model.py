"""Analysis templates as people write them (Argo Rollouts: AnalysisTemplate, ClusterAnalysisTemplate).

What arguments make of a template is checked once more when they are put in.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, Field, create_model, model_validator
from pydantic.alias_generators import to_snake

from flows.model import Model
from flows.verification.placeholder import Count, Interval
from flows.verification.providers import PROVIDERS


class SecretKeyReference(Model):
    """One value of a Secret."""

    name: str = Field(min_length=1, description="Name of the Secret.")
    key: str = Field(min_length=1, description="Key of the value.")


class FieldReference(Model):
    """A field of the Stage that is verified."""

    field_path: str = Field(min_length=1, description="Path of the field, such as metadata.labels['app'].")


class ValueSource(Model):
    """Where an argument's value comes from."""

    secret_key_ref: SecretKeyReference | None = Field(default=None, description="A value of a Secret.")
    field_ref: FieldReference | None = Field(default=None, description="A field of the Stage.")


class Argument(Model):
    """A declared argument; without value, the Stage must give it one."""

    name: str = Field(min_length=1, description="Name, written `{{args.<name>}}`.")
    value: str | None = Field(default=None, description="Default.")
    value_from: ValueSource | None = Field(default=None, description="Where the value comes from.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.value is not None and self.value_from is not None:
            raise ValueError(f"argument {self.name!r} has both 'value' and 'valueFrom'")
        return self


class MetricRule(Model):
    """Metrics, by a regular expression over their names."""

    metric_name: str = Field(min_length=1, description="Pattern that any part of a metric's name must match.")


class Retention(MetricRule):
    """How many measurements of some metrics are kept."""

    limit: int = Field(ge=1, description="Number of newest measurements to keep.")


class TemplateName(Model):
    """Another template whose metrics belong to this one."""

    template_name: str = Field(min_length=1, description="Name of the template.")
    cluster_scope: bool = Field(default=False, description="Whether it is a ClusterAnalysisTemplate.")


class OneProvider(Model):
    """Where measurements come from; exactly one."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, written: Any) -> Any:
        for name in written if isinstance(written, Mapping) else ():
            if name not in PROVIDERS:
                raise ValueError(f"provider {name!r} is not known; known are: {', '.join(PROVIDERS)}")
        return written

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.settings is None:
            raise ValueError("a metric has exactly one provider")
        return self

    @property
    def kind(self) -> str:
        """The one provider's name as in manifests."""
        field = type(self).model_fields[next(iter(self.model_fields_set))]
        return field.alias or ""

    @property
    def settings(self) -> BaseModel:
        """What the one provider is told."""
        settings: BaseModel = getattr(self, next(iter(self.model_fields_set)))
        return settings


if TYPE_CHECKING:
    Provider = OneProvider
else:
    Provider = create_model(
        "Provider",
        __base__=OneProvider,
        __doc__=OneProvider.__doc__,
        **{
            to_snake(name): (kind.settings | None, Field(default=None, alias=name, description=kind.description))
            for name, kind in PROVIDERS.items()
        },
    )


class Metric(Model):
    """One thing to measure, how often, and what its values mean."""

    name: str = Field(min_length=1, description="Name, unique among all templates of a verification.")
    interval: Interval = Field(default="", description="Time between measurements.")
    initial_delay: Interval = Field(default="", description="Time before the first measurement.")
    count: Count = Field(default=0, description="Number of measurements; unset: 1, or endless with an interval.")
    success_condition: str = Field(default="", description="Expression over `result` that makes it a success.")
    failure_condition: str = Field(default="", description="Expression over `result` that makes it a failure.")
    failure_limit: Count = Field(default=0, description="Failures that are borne; -1 for any number.")
    inconclusive_limit: Count = Field(default=0, description="Inconclusive measurements that are borne.")
    consecutive_error_limit: Count = Field(default=4, description="Errors in a row that are borne.")
    consecutive_success_limit: Count = Field(default=0, description="Successes in a row that suffice; 0 for none.")
    provider: Provider = Field(description="Where measurements come from.")

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if isinstance(self.count, int) and self.count > 0:
            self._check_count(self.count)
        if _below(self.failure_limit, -1) or _below(self.consecutive_error_limit, 0):
            raise ValueError("limits must not be negative, except failureLimit -1")
        if _below(self.inconclusive_limit, 0) or _below(self.consecutive_success_limit, 0):
            raise ValueError("limits must not be negative, except failureLimit -1")
        if self.failure_limit == -1 and self.consecutive_success_limit == 0:
            raise ValueError("'failureLimit: -1' needs 'consecutiveSuccessLimit', or nothing could fail")
        return self

    def _check_count(self, count: int) -> None:
        for field, limit in (("failureLimit", self.failure_limit), ("inconclusiveLimit", self.inconclusive_limit)):
            if isinstance(limit, int) and limit > count:
                raise ValueError(f"'count' must not be less than {field!r}")
        failures, successes = self.failure_limit, self.consecutive_success_limit
        if isinstance(failures, int) and isinstance(successes, int) and max(failures, 0) + successes > count:
            raise ValueError("'count' must not be less than 'failureLimit' and 'consecutiveSuccessLimit' together")
        if count > 1 and not self.interval:
            raise ValueError("'interval' is needed when 'count' is more than 1")


def _below(limit: int | str, least: int) -> bool:
    return isinstance(limit, int) and limit < least


class Lifetime(Model):
    """How long measurements are kept once they are over (Argo Rollouts: ttlStrategy of an AnalysisRun)."""

    seconds_after_completion: int | None = Field(default=None, ge=0, description="However it ended.")
    seconds_after_success: int | None = Field(default=None, ge=0, description="After a success.")
    seconds_after_failure: int | None = Field(default=None, ge=0, description="After anything else.")


class AnalysisTemplateSpec(Model):
    """What one template measures."""

    args: list[Argument] = Field(default_factory=list, description="Arguments it takes.")
    metrics: list[Metric] = Field(default_factory=list, description="What is measured.")
    dry_run: list[MetricRule] = Field(default_factory=list, description="Metrics whose outcome does not count.")
    measurement_retention: list[Retention] = Field(default_factory=list, description="Kept measurements, 10 if unset.")
    templates: list[TemplateName] = Field(default_factory=list, description="Further templates.")
    ttl_strategy: Lifetime | None = Field(default=None, description="How long measurements are kept; always if unset.")
