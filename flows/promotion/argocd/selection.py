"""Which Applications a step means: one by name, or all with certain labels."""

from typing import Self

from pydantic import Field, model_validator

from blocks.errors import Retryable
from blocks.records import Application
from flows.model import Model
from flows.stage.model import MatchExpression, StageSelector
from flows.stage.selector import selects

NAMESPACE = "argocd"
"""Where Argo CD keeps Applications unless a step or the connection says otherwise."""

WHICH = "Name of the Argo CD connection, where a project has several; not in Kargo."
"""What the field `argocd` of both steps means."""


class AppSelector(Model):
    """Labels Applications must have; all criteria must hold."""

    match_labels: dict[str, str] = Field(default_factory=dict, description="Labels that must be equal.")
    match_expressions: list[MatchExpression] = Field(default_factory=list, description="Label requirements.")

    @model_validator(mode="after")
    def _some_criterion(self) -> Self:
        if not self.match_labels and not self.match_expressions:
            raise ValueError("a selector needs at least one of 'matchLabels' and 'matchExpressions'")
        return self

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether labels fulfil all criteria, judged as for Stages. Raises Invalid for impossible requirements."""
        return selects(
            StageSelector(match_labels=self.match_labels, match_expressions=self.match_expressions), "", labels
        )

    def query(self) -> str:
        """The same criteria as the Kubernetes API takes them in `labelSelector`."""
        equal = [f"{key}={value}" for key, value in self.match_labels.items()]
        return ",".join(equal + [_query(requirement) for requirement in self.match_expressions])


def _query(requirement: MatchExpression) -> str:
    match requirement.operator:
        case "Exists":
            return requirement.key
        case "DoesNotExist":
            return f"!{requirement.key}"
        case operator:
            return f"{requirement.key} {operator.lower()} ({','.join(requirement.values)})"


class AppReference(Model):
    """The Applications one entry of `apps` is about."""

    name: str | None = Field(default=None, min_length=1, description="Name of one Application.")
    selector: AppSelector | None = Field(default=None, description="Labels of several Applications.")
    namespace: str | None = Field(default=None, min_length=1, description="Their namespace; Argo CD's own when unset.")

    @model_validator(mode="after")
    def _name_or_selector(self) -> Self:
        if (self.name is None) == (self.selector is None):
            raise ValueError("an app has exactly one of 'name' and 'selector'")
        return self


def key(application: Application) -> str:
    """`<namespace>/<name>`, under which an Application is known in outputs."""
    return f"{application['metadata']['namespace']}/{application['metadata']['name']}"


def label(application: Application) -> str:
    """How messages call an Application."""
    metadata = application["metadata"]
    return f"Argo CD Application {metadata['name']!r} in namespace {metadata['namespace']!r}"


def select(reference: AppReference, applications: list[Application], namespace: str = NAMESPACE) -> list[Application]:
    """Pick the Applications a reference means, in the order given. Raises Retryable when there is none yet."""
    where = reference.namespace or namespace
    here = [application for application in applications if application["metadata"]["namespace"] == where]
    if reference.selector is None:
        found = [application for application in here if application["metadata"]["name"] == reference.name]
        wanted = f"Argo CD Application {reference.name!r}"
    else:
        found = [each for each in here if reference.selector.matches(each["metadata"].get("labels") or {})]
        wanted = f"an Argo CD Application with labels {reference.selector.query()!r}"
    if not found:
        raise Retryable(f"looked for {wanted} in namespace {where!r} and found none: check name, labels and namespace")
    return found
