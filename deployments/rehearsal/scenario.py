"""What a scenario says: the world around a pipeline, what happens there, and what is expected after each step."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from blocks.errors import Invalid
from blocks.ledger.records import Phase, VerificationPhase
from flows.duration import parse_duration
from flows.model import Model

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When a scenario begins that does not say so: a Monday morning."""

Words = Annotated[str, Field(min_length=1)]


class Repository(Model):
    """A Git repository of this world."""

    folder: str = Field(default="", description="Folder whose files are its first commit, from the scenario's folder.")
    branch: str = Field(default="main", min_length=1, description="Its default branch.")
    files: dict[str, str] = Field(default_factory=dict, description="Files by path, added to those of the folder.")


class Push(Model):
    """Something new in the world: a commit, a Git tag, an image or a chart. Exactly one of the first three is named."""

    repository: str = Field(default="", description="Git repository to commit to or to tag.")
    image: str = Field(default="", description="Image repository.")
    chart: str = Field(default="", description="Chart repository.")
    files: dict[str, str | None] = Field(default_factory=dict, description="Files of the commit; null deletes one.")
    message: str = Field(default="Change files", min_length=1, description="Message of the commit.")
    branch: str = Field(default="main", min_length=1, description="Branch of the commit.")
    tag: str = Field(default="", description="Tag of the image, or of the commit.")
    name: str = Field(default="", description="Name of the chart.")
    version: str = Field(default="", description="Version of the chart.")

    @model_validator(mode="after")
    def _one(self) -> "Push":
        if sum(map(bool, (self.repository, self.image, self.chart))) != 1:
            raise ValueError("name exactly one of repository, image and chart")
        if self.image and not self.tag:
            raise ValueError("an image needs a tag")
        if self.chart and not (self.name and self.version):
            raise ValueError("a chart needs a name and a version")
        if self.repository and not (self.files or self.tag):
            raise ValueError("a repository needs files for a commit, or a tag")
        return self


class Assembly(Model):
    """Freight put together by hand."""

    warehouse: Words = Field(description="The Warehouse it is of.")
    images: dict[str, str] = Field(default_factory=dict, description="Tag by image repository.")
    charts: dict[str, str] = Field(default_factory=dict, description="Version by chart repository.")
    commits: dict[str, str] = Field(default_factory=dict, description="Tag or id by Git repository; or its branch.")


class Wanted(Model):
    """Freight and a Stage."""

    stage: Words = Field(description="The Stage.")
    freight: Words = Field(description="The Freight, by what it holds: a tag, version or commit's first line.")


class Promotion(Model):
    """A person's wish to promote."""

    stage: Words = Field(description="The Stage.")
    freight: str = Field(default="", description="The Freight, by what it holds; empty for the Stage's candidate.")
    refused: str = Field(default="", description="Words of the sentence by which it is refused, where it must be.")


class Going(Model):
    """The newest promotion of a Stage."""

    stage: Words = Field(description="The Stage.")
    refused: str = Field(default="", description="Words of the sentence by which it is refused, where it must be.")


class Said(Model):
    """What somebody says to a promotion that waits for people."""

    stage: Words = Field(description="The Stage that waits.")
    by: str = Field(default="somebody", min_length=1, description="Who says it.")
    decision: Literal["approve", "reject"] = Field(default="approve", description="Whether the Freight may enter.")
    comment: str = Field(default="", description="Why.")
    values: dict[str, Any] = Field(default_factory=dict, description="Fields of the form that a step shows.")


class PullRequest(Model):
    """The pull request that is open in a repository."""

    repository: Words = Field(description="The repository.")
    into: str = Field(default="", description="Its target branch, where several are open.")
    method: Literal["merge", "squash", "rebase"] = Field(default="merge", description="How it is merged.")


class ExpectedPromotion(Model):
    """How the newest promotion of a Stage stands."""

    phase: Phase | None = Field(default=None, description="Its phase.")
    freight: str = Field(default="", description="Its Freight, by what it holds.")
    message: str = Field(default="", description="Words of its message, or of what it waits for.")
    rollback: bool | None = Field(default=None, description="Whether it takes something back.")


class ExpectedVerification(Model):
    """How the newest verification of a Stage stands."""

    phase: VerificationPhase | None = Field(default=None, description="Its phase.")
    message: str = Field(default="", description="Words of its message.")


class ExpectedGate(Model):
    """Freight that may not enter a Stage now, or not by itself."""

    freight: Words = Field(description="The Freight, by what it holds.")
    because: Words = Field(description="Words of the sentence that says why.")


class ExpectedFile(Model):
    """A file in a branch."""

    repository: Words = Field(description="The repository.")
    branch: str = Field(default="main", min_length=1, description="The branch.")
    path: Words = Field(description="Path of the file.")
    equals: str | None = Field(default=None, description="All of its text; a final line break does not matter.")
    contains: list[Words] = Field(default_factory=list, description="Texts that are in it.")
    lacks: list[Words] = Field(default_factory=list, description="Texts that are not in it.")
    yaml: dict[str, Any] = Field(default_factory=dict, description="Values by key, written as for yaml-update.")
    exists: bool = Field(default=True, description="False: there is no such file.")


class ExpectedCommit(Model):
    """The newest commit of a branch."""

    repository: Words = Field(description="The repository.")
    branch: str = Field(default="main", min_length=1, description="The branch.")
    message: str = Field(default="", description="Words of its message.")
    author: str = Field(default="", description="Words of its author's name and address.")
    trailers: dict[str, str] = Field(default_factory=dict, description="Words of its trailers, by name.")
    count: int | None = Field(default=None, ge=0, description="Commits on the branch.")


class ExpectedPullRequest(Model):
    """The newest pull request of a repository."""

    repository: Words = Field(description="The repository.")
    into: str = Field(default="", description="Its target branch.")
    state: Literal["open", "merged", "closed", "none"] = Field(default="open", description="How it stands.")
    title: str = Field(default="", description="Words of its title.")


class ExpectedApplication(Model):
    """An Application of Argo CD."""

    health: str = Field(default="", description="Its health, such as Healthy.")
    sync: str = Field(default="", description="Whether it is synced, such as Synced.")
    images: list[Words] = Field(default_factory=list, description="Images that run.")


class Expected(Model):
    """What must be so."""

    stages: dict[str, str | None] = Field(
        default_factory=dict, description="By Stage the Freight it runs, by what it holds; null for none."
    )
    verified: dict[str, str] = Field(
        default_factory=dict, description="By Stage Freight that is verified there, by what it holds."
    )
    promotions: dict[str, Phase | ExpectedPromotion] = Field(
        default_factory=dict, description="By Stage how its newest promotion stands."
    )
    verifications: dict[str, VerificationPhase | ExpectedVerification] = Field(
        default_factory=dict, description="By Stage how its newest verification stands."
    )
    gates: dict[str, ExpectedGate] = Field(default_factory=dict, description="By Stage what may not enter, and why.")
    freight: dict[str, int] = Field(default_factory=dict, description="By Warehouse how much Freight there is.")
    warehouses: dict[str, str] = Field(
        default_factory=dict, description="By Warehouse words of why it is not well; empty when it is well."
    )
    files: list[ExpectedFile] = Field(default_factory=list, description="Files in branches.")
    commits: list[ExpectedCommit] = Field(default_factory=list, description="Newest commits of branches.")
    applications: dict[str, ExpectedApplication] = Field(
        default_factory=dict, description="By name how Applications stand."
    )
    pull_requests: list[ExpectedPullRequest] = Field(default_factory=list, description="Newest pull requests.")


class Step(Model):
    """What happens, and what must be so once the pipeline rests: first the world changes, then people act."""

    name: str = Field(default="", description="What it is about, for the report.")
    wait: str = Field(default="", description="Time that passes first.")
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description='Numbers by series, written as name{label="value"}; null forgets one.'
    )
    bad_images: list[str] = Field(default_factory=list, description="Images that do not start.")
    good_images: list[str] = Field(default_factory=list, description="Images that start again.")
    push: list[Push] = Field(default_factory=list, description="What is new, one after the other.")
    assemble: list[Assembly] = Field(default_factory=list, description="Freight that people put together.")
    approve: list[Wanted] = Field(default_factory=list, description="Freight that people approve for a Stage.")
    promote: list[Promotion] = Field(default_factory=list, description="What people promote.")
    rollback: list[Promotion] = Field(
        default_factory=list, description="What people take back; without Freight to what was verified there before."
    )
    retry: list[Going] = Field(
        default_factory=list, description="Stages whose failed newest promotion goes on at the failed step."
    )
    abort: list[Going] = Field(default_factory=list, description="Stages whose newest promotion is aborted.")
    say: list[Said] = Field(default_factory=list, description="What people say to promotions that wait for them.")
    merge: list[PullRequest] = Field(default_factory=list, description="Pull requests that are merged.")
    close: list[PullRequest] = Field(default_factory=list, description="Pull requests that are closed unmerged.")
    expect: Expected = Field(default_factory=Expected, description="What must be so then.")

    @model_validator(mode="after")
    def _readable(self) -> "Step":
        try:
            parse_duration(self.wait or "0s")
        except Invalid as error:
            raise ValueError(f"wait: {error}") from None
        return self


class Scenario(Model):
    """One story of one pipeline."""

    name: str = Field(default="", description="What it shows; the file's name when empty.")
    begins_at: AwareDatetime = Field(default=BEGIN, description="The time it begins.")
    project: str = Field(default="", description="The project, where the manifests have several.")
    repositories: dict[str, Repository | str] = Field(
        default_factory=dict, description="Git repositories by the URL that the manifests use; a text is the folder."
    )
    images: dict[str, list[str]] = Field(default_factory=dict, description="Tags by image repository, oldest first.")
    charts: dict[str, dict[str, list[str]]] = Field(
        default_factory=dict, description="By chart repository and chart the versions."
    )
    prometheus: list[str] = Field(default_factory=list, description="Addresses of metric servers.")
    applications: list[str] = Field(default_factory=list, description="Files with the Applications of Argo CD.")
    story: list[Step] = Field(min_length=1, description="What happens, one after the other.")
