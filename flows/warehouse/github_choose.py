"""Which releases on GitHub count, which is best, and what is told of them."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import Field, field_validator

from blocks.errors import Invalid
from blocks.github import Asset, Release, repository_place
from flows.warehouse.filter import passing, regex
from flows.warehouse.further import LONGEST, MOST_METADATA, Artifact
from flows.warehouse.model import TagPatterns
from flows.warehouse.order import by_name, by_semver
from flows.warehouse.paths import path_filter
from flows.warehouse.semver_constraint import Constraint

SPARE = 64
"""Bytes of metadata for what is said about assets that are left out."""


class Config(TagPatterns):
    """What is watched of a repository on GitHub."""

    repo_url: str = Field(alias="repoURL", description="Repository on github.com or an Enterprise server.")
    selection: Literal["SemVer", "NewestRelease", "Lexical"] = Field(
        default="SemVer", description="How the best release is chosen: by version, time of publication or tag."
    )
    semver_constraint: str | None = Field(default=None, description="Range a SemVer tag must satisfy.")
    strict_semvers: bool = Field(default=True, description="Whether SemVer tags need all three numbers.")
    pre_releases: Literal["Exclude", "Include", "Only"] = Field(
        default="Exclude", description="Whether releases marked as pre-release count."
    )
    assets: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="Names, glob:… or regex:…; a release counts once each has an asset, all of them uploaded.",
    )
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the server's certificate."
    )

    @field_validator("repo_url")
    @classmethod
    def _on_github(cls, value: str) -> str:
        return _valid(repository_place, value)

    @field_validator("semver_constraint")
    @classmethod
    def _range(cls, value: str | None) -> str | None:
        return _valid(Constraint.parse, value) if value else value

    @field_validator("allow_tags_regexes", "ignore_tags_regexes")
    @classmethod
    def _regexes(cls, value: list[str]) -> list[str]:
        return [_valid(regex, each) for each in value]

    @field_validator("assets")
    @classmethod
    def _patterns(cls, value: list[str]) -> list[str]:
        return [_valid(lambda pattern: path_filter([pattern], []), each) for each in value]


def _valid(parse: Callable[[str], Any], value: str) -> str:
    try:
        parse(value)
    except Invalid as error:
        raise ValueError(str(error)) from None
    return value


def choose(config: Config, releases: Iterable[Release], limit: int) -> list[Release]:
    """Return the releases that count, best first, at most `limit`."""
    counted = {each.tag: each for each in releases if counts(config, each)}
    artifacts = [Artifact(each.tag, {"publishedAt": each.published_at}) for each in counted.values()]
    return [counted[each.version] for each in ordered(config, artifacts)[:limit]]


def counts(config: Config, release: Release) -> bool:
    """Whether a release is published, of the wanted sort, passes the tag filters and has all its assets."""
    if release.draft or not release.tag.isprintable() or not 0 < len(release.tag) <= LONGEST:
        return False
    if config.pre_releases != "Include" and release.prerelease != (config.pre_releases == "Only"):
        return False
    if not passing(config, [release.tag]):
        return False
    wanted = [[each for each in release.assets if path_filter([entry], [])([each.name])] for entry in config.assets]
    return all(found and all(each.uploaded for each in found) for found in wanted)


def ordered(config: Config, artifacts: list[Artifact]) -> list[Artifact]:
    """Return artifacts best first by the selection; SemVer drops tags that are no version within the constraint."""
    by_tag = {each.version: each for each in artifacts}
    if config.selection == "NewestRelease":
        key = [(each.metadata.get("publishedAt", ""), each.version) for each in by_tag.values()]
        return [by_tag[tag] for _, tag in sorted(key, reverse=True)]
    if config.selection == "Lexical":
        return [by_tag[tag] for tag in by_name(by_tag)]
    return [by_tag[tag] for tag in by_semver(by_tag, config.semver_constraint, config.strict_semvers)]


def metadata(config: Config, release: Release, commit: str) -> dict[str, Any]:
    """Describe a release for expressions: only the wanted assets, and no more than there is room for."""
    assets = [each for each in release.assets if each.uploaded and _wanted(config, each)]
    described = {
        "repoURL": config.repo_url[:LONGEST],
        "tag": release.tag,
        "name": release.name[:LONGEST],
        "url": release.url[:LONGEST],
        "publishedAt": release.published_at[:LONGEST],
        "prerelease": release.prerelease,
        "commit": commit,
    }
    told = {key: value for key, value in described.items() if value != ""}
    kept = _fitting(assets, MOST_METADATA - _size(told) - SPARE)
    left_out = {"assetsLeftOut": len(assets) - len(kept)} if len(kept) < len(assets) else {}
    return told | {"assets": kept} | left_out


def _fitting(assets: Iterable[Asset], room: int) -> list[dict[str, Any]]:
    """The first assets that fit; one that is too large makes room for the next."""
    kept = []
    for shape in map(asset_shape, assets):
        if (size := _size(shape)) <= room:
            kept.append(shape)
            room -= size
    return kept


def _size(shape: dict[str, Any]) -> int:
    """Bytes in JSON, with what separates it from the next."""
    return len(json.dumps(shape, ensure_ascii=False).encode()) + 2


def _wanted(config: Config, asset: Asset) -> bool:
    return not config.assets or path_filter(config.assets, [])([asset.name])


def asset_shape(asset: Asset) -> dict[str, Any]:
    """Describe one asset, without what is unknown of it."""
    shape = {
        "name": asset.name,
        "size": asset.size,
        "url": asset.url,
        "contentType": asset.content_type,
        "digest": asset.digest,
    }
    return {key: value for key, value in shape.items() if value != ""}
