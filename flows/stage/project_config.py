"""What a project as a whole says (Kargo: ProjectConfig). Every field Kargo has is here and validated."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from flows.model import Model
from flows.stage.model import PromotionPolicy, StageSelector

RECEIVERS = (
    "artifactory",
    "azure",
    "bitbucket",
    "dockerhub",
    "generic",
    "gitea",
    "github",
    "gitlab",
    "harbor",
    "quay",
)


class SecretReference(Model):
    """Which Secret of the project is meant."""

    name: str = Field(min_length=1, description="Name of the Secret.")


class Receiver(Model):
    """One kind of webhook receiver."""

    secret_ref: SecretReference = Field(description="Secret with the shared secret.")
    virtual_repo_name: str | None = Field(default=None, description="Artifactory's virtual repository.")
    actions: list[dict[str, Any]] = Field(default_factory=list, description="What a generic receiver does.")


class WebhookReceiver(Model):
    """A named address for webhooks: exactly one kind."""

    name: str = Field(min_length=1, description="Name of the receiver.")
    artifactory: Receiver | None = Field(default=None, description="JFrog Artifactory.")
    azure: Receiver | None = Field(default=None, description="Azure DevOps or Container Registry.")
    bitbucket: Receiver | None = Field(default=None, description="Bitbucket.")
    dockerhub: Receiver | None = Field(default=None, description="Docker Hub.")
    generic: Receiver | None = Field(default=None, description="Anything else.")
    gitea: Receiver | None = Field(default=None, description="Gitea.")
    github: Receiver | None = Field(default=None, description="GitHub.")
    gitlab: Receiver | None = Field(default=None, description="GitLab.")
    harbor: Receiver | None = Field(default=None, description="Harbor.")
    quay: Receiver | None = Field(default=None, description="Quay.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in RECEIVERS) != 1:
            raise ValueError(f"a webhook receiver has exactly one of {', '.join(RECEIVERS)}")
        return self


class DeepLink(Model):
    """A link people see beside Freight or a Stage."""

    title: str = Field(min_length=1, description="Text of the link.")
    url: str = Field(min_length=1, description="Address, a template.")
    description: str | None = Field(default=None, description="What is behind it.")
    if_: str | None = Field(default=None, alias="if", description="Expression that decides whether it is shown.")


class PromotionWindow(Model):
    """When Stages may promote, or may not."""

    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        description="Name of the window.",
    )
    stage_selector: StageSelector | None = Field(default=None, description="Which Stages; unset: all.")
    kind: Literal["Allow", "Deny"] = Field(description="Whether promotions are allowed or denied in it.")
    rrule: str | None = Field(default=None, description="Recurrence (RFC 5545); unset: once.")
    dtstart: str = Field(description="Start of the first occurrence, such as TZID=Europe/Berlin:20260102T180000.")
    dtend: str = Field(description="End of the first occurrence, written as the start.")


def each_window_once(windows: Sequence[PromotionWindow]) -> None:
    """Raise ValueError when two windows have the same name."""
    names = [window.name for window in windows]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"promotionWindows name {name!r} more than once")


class ProjectConfigSpec(Model):
    """Policies, receivers, links and windows of a project."""

    promotion_policies: list[PromotionPolicy] = Field(default_factory=list, description="Who promotes by itself.")
    webhook_receivers: list[WebhookReceiver] = Field(default_factory=list, description="Addresses for webhooks.")
    freight_links: list[DeepLink] = Field(default_factory=list, description="Links beside Freight.")
    stage_links: list[DeepLink] = Field(default_factory=list, description="Links beside Stages.")
    promotion_windows: list[PromotionWindow] = Field(default_factory=list, description="When Stages may promote.")

    @model_validator(mode="after")
    def _each_exact_name_once(self) -> Self:
        names = [_exact_name(policy) for policy in self.promotion_policies]
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            raise ValueError(f"promotionPolicies name Stage {name!r} more than once")
        each_window_once(self.promotion_windows)
        return self


def unsupported(spec: ProjectConfigSpec) -> list[tuple[str, str]]:
    """Every field that is set but does not work yet, as its path in the spec and a sentence."""
    later = {
        "webhookReceivers": (spec.webhook_receivers, "webhook receivers"),
        "freightLinks": (spec.freight_links, "links beside Freight"),
        "stageLinks": (spec.stage_links, "links beside Stages"),
    }
    return [(path, f"{what} are not available yet; remove the field") for path, (used, what) in later.items() if used]


def _exact_name(policy: PromotionPolicy) -> str | None:
    """The Stage a policy names without any pattern; a selector with further criteria may repeat it."""
    selector = policy.stage_selector
    if selector is None:
        return policy.stage
    plain = not selector.match_labels and not selector.match_expressions
    name = selector.name or ""
    return name if plain and not name.startswith(("glob:", "regex:", "regexp:")) else None
