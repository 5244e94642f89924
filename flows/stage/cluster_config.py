"""What is said for all projects at once (Kargo: ClusterConfig). Every field Kargo has is here and validated."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from flows.model import Model
from flows.stage.model import StageSelector
from flows.stage.project_config import (
    DeepLink,
    PromotionWindow,
    SecretReference,
    WebhookReceiver,
    each_window_once,
)


class ClusterPromotionWindow(PromotionWindow):
    """When Stages of several projects may promote, or may not."""

    project_selector: StageSelector | None = Field(default=None, description="Which Projects; unset: all.")


class GitClient(Model):
    """Who commits where a step names nobody; each field that is set takes the place of the setting of the same name."""

    name: str | None = Field(default=None, description="Name of author and committer.")
    email: str | None = Field(default=None, description="E-mail address of author and committer.")
    signing_key_secret: SecretReference | None = Field(
        default=None, description="Secret in kargo-system-resources with the signing key, under 'signingKey'."
    )

    @field_validator("name", "email")
    @classmethod
    def _one_line(cls, text: str | None) -> str | None:
        if text and (not text.strip() or re.search(r"[\x00-\x1f<>]", text)):
            raise ValueError("this stands in commits, on one line and without angle brackets")
        return text


class ClusterConfigSpec(Model):
    """Receivers, links, windows and the Git author of the whole installation."""

    webhook_receivers: list[WebhookReceiver] = Field(default_factory=list, description="Addresses for webhooks.")
    git_client: GitClient | None = Field(default=None, description="Who commits.")
    freight_links: list[DeepLink] = Field(default_factory=list, description="Links beside Freight.")
    stage_links: list[DeepLink] = Field(default_factory=list, description="Links beside Stages.")
    promotion_windows: list[ClusterPromotionWindow] = Field(default_factory=list, description="When to promote.")

    @model_validator(mode="after")
    def _each_window_once(self) -> Self:
        each_window_once(self.promotion_windows)
        return self


def unsupported(spec: ClusterConfigSpec) -> list[tuple[str, str]]:
    """Every field that is set but does not work yet, as its path in the spec and a sentence."""
    later = {
        "webhookReceivers": (spec.webhook_receivers, "webhook receivers are not available yet; remove the field"),
        "freightLinks": (spec.freight_links, "links beside Freight are not available yet; remove the field"),
        "stageLinks": (spec.stage_links, "links beside Stages are not available yet; remove the field"),
    }
    return [(path, sentence) for path, (used, sentence) in later.items() if used]
