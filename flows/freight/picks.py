"""What a person picks for Freight put together by hand: `WHERE=VERSION`, each for one subscription."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flows.freight.assemble import Entry, described, shape_of
from flows.warehouse.model import Subscription, WarehouseSpec
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

SHORTEST_ID = 4
"""Characters of a commit's id below which it is no abbreviation."""


@dataclass(frozen=True)
class Picks:
    """What was picked, each `WHERE=VERSION`: by repository, or by the name of the subscription.

    A chart's repository may be followed by `/` and the chart's name; an artifact goes by subscription only.
    """

    images: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """How one kind of artifact is picked, how a result of discovery is called, and whether a version means it."""

    flag: str
    normalize: Callable[[str], str]
    called: Callable[[Any], str]
    means: Callable[[str, Any], bool]


def _means_image(version: str, reference: Entry) -> bool:
    tag, digest = reference.get("tag", ""), reference.get("digest", "")
    return version in (tag, digest, f"{tag}@{digest}")


def _means_commit(version: str, commit: Entry) -> bool:
    abbreviated = len(version) >= SHORTEST_ID and commit["id"].startswith(version.lower())
    return abbreviated or version == commit.get("tag")


OPTIONS = {
    "images": Option("--image", normalize_image, lambda one: one.get("tag") or one.get("digest", ""), _means_image),
    "commits": Option("--commit", normalize_git, lambda one: one.get("tag") or one["id"][:8], _means_commit),
    "charts": Option("--chart", normalize_chart, str, lambda version, one: version == str(one)),
    "artifacts": Option(
        "--artifact", str, lambda one: one["version"], lambda version, one: version == str(one["version"])
    ),
}
"""By the kind of artifact in Freight."""


def option_of(subscription: Subscription) -> Option:
    """How artifacts of a subscription are picked."""
    return OPTIONS[shape_of(subscription)[2]]


def spoken(subscription: Subscription) -> str:
    """How a person points at a subscription, without a version: `--image ghcr.io/acme/app`."""
    if subscription.further:
        return f"{option_of(subscription).flag} {subscription.name}"
    chart = f"/{subscription.chart.name}" if subscription.chart and subscription.chart.name else ""
    return f"{option_of(subscription).flag} {subscription.wanted.repo_url.rstrip('/')}{chart}"


def assigned(spec: WarehouseSpec, picks: Picks) -> tuple[dict[int, str], list[str]]:
    """Return the versions picked, by the subscription's place in the Warehouse, and what is wrong with the picks."""
    versions: dict[int, str] = {}
    problems: list[str] = []
    for kind in OPTIONS:
        for text in getattr(picks, kind):
            match _meant(spec, kind, text):
                case str(problem):
                    problems.append(problem)
                case place, _ if place in versions:
                    problems.append(f"{_quoted(kind, text)} picks again for {described(spec.subscriptions[place])}")
                case place, version:
                    versions[place] = version
    return versions, problems


def _meant(spec: WarehouseSpec, kind: str, text: str) -> tuple[int, str] | str:
    """Find the one subscription that a pick is for, and the version; else a sentence."""
    if "=" not in text.strip("="):
        return f"{_quoted(kind, text)} is not WHERE=VERSION"
    for where, version in _splits(text):
        places = [place for place, each in enumerate(spec.subscriptions) if _is(each, kind, where)]
        if len(places) == 1:
            return (places[0], version) if version else f"{_quoted(kind, text)} names no version"
        if places:
            names = ", ".join(str(spec.subscriptions[place].name) for place in places)
            return f"{_quoted(kind, text)} may mean several subscriptions; name one of {names}"
    known = ", ".join(spoken(each) for each in spec.subscriptions)
    return f"{_quoted(kind, text)} is for nothing that the Warehouse subscribes to; it has: {known}"


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Every way to cut `WHERE=VERSION`: URLs, and tags in Git, may hold `=` themselves."""
    for index, letter in enumerate(text):
        if letter == "=":
            yield text[:index], text[index + 1 :].strip()


def _is(subscription: Subscription, kind: str, where: str) -> bool:
    """Whether a person who says `where` may mean this subscription."""
    if shape_of(subscription)[2] != kind:
        return False
    if where == subscription.name or subscription.further:
        return where == subscription.name
    normalize, url = OPTIONS[kind].normalize, subscription.wanted.repo_url
    if normalize(where) == normalize(url):
        return True
    chart = subscription.chart and subscription.chart.name
    return bool(chart) and normalize(where) == normalize(f"{url.rstrip('/')}/{chart}")


def _quoted(kind: str, text: str) -> str:
    return f"{OPTIONS[kind].flag} {text!r}"
