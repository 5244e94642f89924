"""Warehouses as people write them (Kargo: Warehouse). Every field Kargo has is here and validated."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from flows.model import Model
from flows.promotion.model import Duration

Limit = Annotated[int, Field(ge=1, le=100, description="How many results are kept.")]


class TagPatterns(Model):
    """Which tags pass, by regular expressions."""

    allow_tags_regexes: list[str] = Field(default_factory=list, description="A tag must match one of these, if any.")
    ignore_tags_regexes: list[str] = Field(default_factory=list, description="A tag must match none of these.")


class TagFilters(TagPatterns):
    """What Git tags and image tags have in common."""

    strict_semvers: bool = Field(default=True, description="Whether SemVer tags need all three numbers and no 'v'.")
    allow_tags: str | None = Field(default=None, description="Removed by Kargo 1.11; use allowTagsRegexes.")
    ignore_tags: list[str] | None = Field(default=None, description="Removed by Kargo 1.11; use ignoreTagsRegexes.")
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


class FurtherSubscription(Model):
    """Something of a further kind (Kargo: a generic Subscription), which is the key it stands under.

    Any key passes here: what does not belong is told apart from a kind that is not known where kinds are.
    """

    model_config = ConfigDict(extra="allow")

    subscription_type: str | None = Field(default=None, description="The kind again, as Kargo writes it.")
    config: dict[str, Any] | None = Field(default=None, description="What to watch; the kind says what may stand here.")
    discovery_limit: Limit = 20


class Subscription(Model):
    """One thing to watch: exactly one of git, image, chart, or the name of a further kind."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FurtherSubscription]

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
        kinds = self._kinds
        if len(kinds) != 1:
            given = f", not {' and '.join(kinds)}" if kinds else ""
            raise ValueError(f"a subscription has exactly one of 'git', 'image', 'chart' or a further kind{given}")
        if self.further and not self.name:
            raise ValueError(f"a subscription of kind {kinds[0]!r} needs 'name', which tells it from others; add one")
        return self

    @property
    def _kinds(self) -> list[str]:
        return [name for name in ("git", "image", "chart") if getattr(self, name)] + [*self.__pydantic_extra__]

    @property
    def further(self) -> FurtherSubscription | None:
        """The subscription of a further kind, if it is one."""
        return next(iter(self.__pydantic_extra__.values()), None)

    @property
    def wanted(self) -> Any:
        """The one kind that is set."""
        return self.git or self.image or self.chart or self.further

    @property
    def kind(self) -> str:
        """The name of the one kind that is set."""
        return self._kinds[0]

    @property
    def place(self) -> str:
        """What it watches, for sentences: the repository, or of a further kind its name."""
        return f"{self.kind} subscription {self.name!r}" if self.further else str(self.wanted.repo_url)


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
