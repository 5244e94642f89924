"""Warehouses as people write them (Kargo: Warehouse). Every field Kargo has is here and validated."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from flows.model import Model
from flows.promotion.model import Duration

Limit = Annotated[int, Field(ge=1, le=100, description="How many results are kept.")]


class TagFilters(Model):
    """What Git tags and image tags have in common."""

    strict_semvers: bool = Field(default=True, description="Whether SemVer tags need all three numbers and no 'v'.")
    allow_tags: str | None = Field(default=None, description="Removed by Kargo 1.11; use allowTagsRegexes.")
    ignore_tags: list[str] | None = Field(default=None, description="Removed by Kargo 1.11; use ignoreTagsRegexes.")
    allow_tags_regexes: list[str] = Field(default_factory=list, description="A tag must match one of these, if any.")
    ignore_tags_regexes: list[str] = Field(default_factory=list, description="A tag must match none of these.")
    discovery_limit: Limit = 20
    insecure_skip_tls_verify: bool = Field(
        default=False,
        alias="insecureSkipTLSVerify",
        description="Skip the check of the server's certificate.",
    )


class GitSubscription(TagFilters):
    """Commits or tags of one Git repository."""

    repo_url: str = Field(alias="repoURL", min_length=1, description="Where the repository is.")
    commit_selection_strategy: Literal["NewestFromBranch", "SemVer", "Lexical", "NewestTag"] = Field(
        default="NewestFromBranch", description="How the best commit is chosen."
    )
    branch: str | None = Field(default=None, description="Branch to follow; the remote's default when unset.")
    semver_constraint: str | None = Field(default=None, description="Range a SemVer tag must satisfy.")
    expression_filter: str | None = Field(default=None, description="Expression a commit or tag must satisfy.")
    include_paths: list[str] = Field(default_factory=list, description="Only changes of these paths count.")
    exclude_paths: list[str] = Field(default_factory=list, description="Changes of these paths do not count.")
    since: datetime | None = Field(default=None, description="Ignore older commits (NewestFromBranch).")
    blobless: bool = Field(default=False, description="Fetch without file contents.")


class ImageSubscription(TagFilters):
    """Tags of one image repository."""

    repo_url: str = Field(alias="repoURL", min_length=1, description="Where the repository is, without tag.")
    image_selection_strategy: Literal["SemVer", "Lexical", "Digest", "NewestBuild"] = Field(
        default="SemVer", description="How the best tag is chosen."
    )
    constraint: str | None = Field(default=None, description="SemVer: a range. Digest: the tag to follow.")
    platform: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+(/[^/]+)?$", description="os/arch[/variant].")
    cache_by_tag: bool = Field(default=False, description="Whether tags are known never to move.")

    @model_validator(mode="after")
    def _digest_needs_a_tag(self) -> Self:
        if self.image_selection_strategy == "Digest" and not self.constraint:
            raise ValueError("imageSelectionStrategy Digest needs 'constraint', the tag to follow")
        return self


class ChartSubscription(Model):
    """Versions of one Helm chart."""

    repo_url: str = Field(alias="repoURL", pattern=r"^(https?|oci)://", description="https://… or oci://….")
    name: str | None = Field(default=None, description="Chart name; required for https, forbidden for oci.")
    semver_constraint: str | None = Field(default=None, description="Range a version must satisfy.")
    discovery_limit: Limit = 20
    insecure_skip_tls_verify: bool = Field(
        default=False,
        alias="insecureSkipTLSVerify",
        description="Skip the check of the server's certificate.",
    )

    @model_validator(mode="after")
    def _name_where_it_belongs(self) -> Self:
        if self.repo_url.startswith("oci://") == bool(self.name):
            raise ValueError("a chart needs 'name' with an https repository and must not have one with oci")
        return self


class Subscription(Model):
    """One thing to watch: exactly one of git, image, chart."""

    name: str | None = Field(
        default=None,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Recorded on artifacts.",
    )
    git: GitSubscription | None = Field(default=None, description="A Git repository.")
    image: ImageSubscription | None = Field(default=None, description="An image repository.")
    chart: ChartSubscription | None = Field(default=None, description="A chart repository.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(kind is not None for kind in (self.git, self.image, self.chart)) != 1:
            raise ValueError("a subscription has exactly one of 'git', 'image', 'chart'")
        return self

    @property
    def wanted(self) -> Any:
        """The one kind that is set."""
        return self.git or self.image or self.chart

    @property
    def kind(self) -> str:
        """The name of the one kind that is set."""
        return next(name for name in ("git", "image", "chart") if getattr(self, name))


class FreightCreationCriteria(Model):
    """When discovered artifacts become Freight."""

    expression: str = Field(min_length=1, description="Bare expression that must be true.")


class WarehouseSpec(Model):
    """A watcher of artifact repositories."""

    shard: str | None = Field(default=None, description="Kept for Kargo's sake; Prefect's work pools decide here.")
    interval: Duration = Field(default="5m0s", description="How often to look.")
    freight_creation_policy: Literal["Automatic", "Manual"] = Field(
        default="Automatic", description="Whether new artifacts become Freight by themselves."
    )
    freight_creation_criteria: FreightCreationCriteria | None = Field(default=None, description="When they do.")
    subscriptions: list[Subscription] = Field(min_length=1, description="What to watch.")
