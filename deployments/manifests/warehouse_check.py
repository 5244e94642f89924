"""Whether a Warehouse's subscriptions can be discovered: patterns and ranges parse, no repository comes twice."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from blocks.charts.location import locate
from blocks.errors import DrayageError, Invalid
from blocks.registry.reference import repository
from deployments.manifests.problem import Path, path_text
from deployments.manifests.sentences import sentences
from flows.duration import parse_duration
from flows.warehouse.filter import regex
from flows.warehouse.further import read_config
from flows.warehouse.model import (
    ChartSubscription,
    FurtherSubscription,
    GitSubscription,
    ImageSubscription,
    Subscription,
    WarehouseSpec,
)
from flows.warehouse.paths import path_filter
from flows.warehouse.semver_constraint import Constraint
from flows.warehouse.subscriptions import further_kind_of
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

Found = Iterator[tuple[str, str]]


def warehouse_problems(spec: WarehouseSpec) -> Found:
    """Find everything wrong with a Warehouse, as paths in its spec and sentences."""
    yield from tried("interval", parse_duration, spec.interval)
    yield from _repeated(
        spec, "", _repository, "watches {0}, as subscriptions[{1}] does, expected each repository once"
    )
    yield from _repeated(spec, ".name", _name, "is '{0}', as that of subscriptions[{1}], expected each name once")
    for index, subscription in enumerate(spec.subscriptions):
        for path, message in _subscription(subscription):
            yield f"subscriptions[{index}].{path}", message
        if subscription.further:
            for place, message in _further(subscription.kind, subscription.further):
                yield path_text(("subscriptions", index, subscription.kind, *place)), message


def _subscription(subscription: Subscription) -> Found:
    if subscription.git:
        yield from _git("git", subscription.git)
    elif subscription.image:
        yield from _image("image", subscription.image)
    elif subscription.chart:
        yield from _chart("chart", subscription.chart)


def _further(kind: str, further: FurtherSubscription) -> Iterator[tuple[Path, str]]:
    """Find what only the kind knows to be wrong; a kind that cannot be used is told of with its reason."""
    try:
        known = further_kind_of(kind)
    except DrayageError as error:
        yield (), str(error)
        return
    fields = ", ".join(sorted(info.alias or name for name, info in FurtherSubscription.model_fields.items()))
    for name in further.model_extra or {}:
        yield (name,), f"is no field here, expected one of {fields}, remove it or move it into config"
    try:
        read_config(known, further)
    except ValidationError as error:
        for path, message in sentences(known.config, error):
            yield ("config", *path), message
    except Exception as error:  # a model that others wrote may raise anything
        yield ("config",), f"could not be read by {known.origin} ({type(error).__name__}), report it to its authors"


def _git(path: str, git: GitSubscription) -> Found:
    yield from _tag_patterns(path, git)
    if git.semver_constraint and git.commit_selection_strategy == "SemVer":
        yield from tried(f"{path}.semverConstraint", Constraint.parse, git.semver_constraint)
    for field, entries in (("includePaths", git.include_paths), ("excludePaths", git.exclude_paths)):
        for index, entry in enumerate(entries):
            yield from tried(f"{path}.{field}[{index}]", lambda each: path_filter([each], []), entry)


def _image(path: str, image: ImageSubscription) -> Found:
    yield from _tag_patterns(path, image)
    if image.constraint and image.image_selection_strategy == "SemVer":
        yield from tried(f"{path}.constraint", Constraint.parse, image.constraint)


def _chart(path: str, chart: ChartSubscription) -> Found:
    yield from tried(f"{path}.repoURL", locate if chart.name else repository, chart.repo_url)
    if chart.semver_constraint:
        yield from tried(f"{path}.semverConstraint", Constraint.parse, chart.semver_constraint)


def _tag_patterns(path: str, filters: GitSubscription | ImageSubscription) -> Found:
    patterns = {"allowTagsRegexes": filters.allow_tags_regexes, "ignoreTagsRegexes": filters.ignore_tags_regexes}
    for field, each in patterns.items():
        for index, pattern in enumerate(each):
            yield from tried(f"{path}.{field}[{index}]", regex, pattern)


def tried(path: str, parse: Callable[[str], Any], text: str) -> Found:
    """Parse a text for the sake of its problem, if it has one."""
    try:
        parse(text)
    except Invalid as error:
        yield path, str(error)


def _repeated(spec: WarehouseSpec, path: str, key: Callable[[Subscription], str | None], message: str) -> Found:
    first: dict[str, int] = {}
    for index, subscription in enumerate(spec.subscriptions):
        found = key(subscription)
        if found and first.setdefault(found, index) != index:
            yield f"subscriptions[{index}]{path}", f"{message.format(found, first[found])}, change or remove one"


def _name(subscription: Subscription) -> str | None:
    return subscription.name


def _repository(subscription: Subscription) -> str | None:
    """What must be unique in a Warehouse: the normalised repository, for charts of an HTTP one with the name.

    Further kinds are told apart by name alone.
    """
    match subscription.wanted:
        case GitSubscription(repo_url=url):
            return f"Git repository {normalize_git(url)}"
        case ImageSubscription(repo_url=url):
            return f"image repository {normalize_image(url)}"
        case ChartSubscription(repo_url=url, name=name):
            return f"chart {'/'.join(part for part in (normalize_chart(url).rstrip('/'), name) if part)}"
    return None
