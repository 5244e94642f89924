"""An Application's sources: which revisions they should be at, and how a promotion edits them."""

from copy import deepcopy
from typing import Any, Self

from pydantic import Field, model_validator

from blocks.errors import Retryable
from blocks.records import Application
from flows.model import Model
from flows.promotion.argocd.selection import label
from flows.warehouse.urls import normalize_git

Source = dict[str, Any]


class KustomizeImage(Model):
    """An image override in a Kustomize source."""

    repo_url: str = Field(alias="repoURL", min_length=1, description="Image repository as the manifests name it.")
    tag: str = Field(default="", description="Tag to set; not together with a digest.")
    digest: str = Field(default="", description="Digest to set; not together with a tag.")
    new_name: str | None = Field(default=None, min_length=1, description="Repository to use instead.")

    @model_validator(mode="after")
    def _tag_or_digest(self) -> Self:
        if self.tag and self.digest:
            raise ValueError("an image has at most one of 'tag' and 'digest'")
        return self

    def written(self) -> str:
        """The override as Argo CD writes it: `name[=newName][:tag|@digest]`."""
        name = f"{self.repo_url}={self.new_name}" if self.new_name else self.repo_url
        version = f"@{self.digest}" if self.digest else self.tag and f":{self.tag}"
        return name + version


class KustomizeUpdate(Model):
    """Images of a Kustomize source."""

    images: list[KustomizeImage] | None = Field(default=None, min_length=1, description="All its image overrides.")


class HelmImage(Model):
    """A Helm parameter that names an image."""

    key: str = Field(min_length=1, description="Name of the parameter.")
    value: str = Field(description="Its new value.")


class HelmUpdate(Model):
    """Parameters of a Helm source."""

    images: list[HelmImage] = Field(min_length=1, description="Parameters to set; others stay.")


class SourceUpdate(Model):
    """What becomes of one source, found by its repository (and chart)."""

    repo_url: str = Field(alias="repoURL", min_length=1, description="The source's repository.")
    chart: str | None = Field(default=None, min_length=1, description="The source's chart, if it is a chart.")
    desired_revision: str | None = Field(default=None, min_length=1, description="Revision the sync must reach.")
    update_target_revision: bool = Field(default=False, description="Write desiredRevision into the Application.")
    kustomize: KustomizeUpdate | None = Field(default=None, description="Kustomize images to set.")
    helm: HelmUpdate | None = Field(default=None, description="Helm parameters to set.")

    @model_validator(mode="after")
    def _target_needs_a_revision(self) -> Self:
        if self.update_target_revision and not self.desired_revision:
            raise ValueError("'updateTargetRevision: true' needs 'desiredRevision'")
        return self


def sources(application: Application) -> list[Source]:
    """The sources in use: `spec.sources` when it has any, else `spec.source`, else none."""
    spec = application.get("spec") or {}
    return spec.get("sources") or ([spec["source"]] if spec.get("source") else [])


def desired_revisions(updates: list[SourceUpdate], application: Application) -> list[str]:
    """The revision each source must reach, in the sources' order; empty text where none is demanded.

    Repository and chart must be spelled as in the Application, as in Kargo.
    """
    wanted: dict[tuple[str, str], str] = {}
    for update in updates:
        wanted.setdefault((update.repo_url, update.chart or ""), update.desired_revision or "")
    return [wanted.get((source.get("repoURL", ""), source.get("chart") or ""), "") for source in sources(application)]


def edited(updates: list[SourceUpdate], application: Application) -> list[Source]:
    """The sources after all updates, each applied to the first source it fits.

    Raises Retryable for an update that fits no source.
    """
    result = deepcopy(sources(application))
    revisions = desired_revisions(updates, application)
    for update in updates:
        at = next((index for index, source in enumerate(result) if _fits(update, source)), None)
        if at is None:
            chart = f" and chart {update.chart!r}" if update.chart else ""
            raise Retryable(
                f"{label(application)} has no source with repoURL {update.repo_url!r}{chart}: "
                "write them in 'sources' as the Application has them"
            )
        _apply(update, result[at], revisions[at])
    return result


def _fits(update: SourceUpdate, source: Source) -> bool:
    if update.chart or source.get("chart"):
        return (update.repo_url, update.chart) == (source.get("repoURL"), source.get("chart"))
    return normalize_git(update.repo_url) == normalize_git(source.get("repoURL", ""))


def _apply(update: SourceUpdate, source: Source, revision: str) -> None:
    if update.update_target_revision and revision:
        source["targetRevision"] = revision
    if update.kustomize and update.kustomize.images:
        source.setdefault("kustomize", {})["images"] = [image.written() for image in update.kustomize.images]
    if update.helm:
        helm = source.setdefault("helm", {})
        helm["parameters"] = _parameters(helm.get("parameters") or [], update.helm.images)


def _parameters(current: list[dict[str, Any]], images: list[HelmImage]) -> list[dict[str, Any]]:
    """Set parameters in place, unknown ones at the end. What else a parameter says stays, such as `forceString`."""
    new = {image.key: {"name": image.key, "value": image.value} for image in images}
    kept = [parameter | new.pop(str(parameter.get("name")), {}) for parameter in current]
    return kept + list(new.values())
