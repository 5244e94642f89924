"""Bringing the sandbox to what a scenario says: what is there at first, and what changes later."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from blocks.errors import Invalid, NotFound
from deployments.rehearsal.addresses import chart_name, image_path, repository_name
from deployments.rehearsal.read import repository_files, text_of
from deployments.rehearsal.scenario import PullRequest, Push, Repository, Scenario, Step
from deployments.sandbox.git_command import run
from deployments.sandbox.images import MANIFEST, build_image
from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.metrics_selector import BadQuery, parse
from deployments.sandbox.pull_requests import Pull
from deployments.sandbox.world import World

SPACE = timedelta(minutes=1)
"""Time between two things that were there at first, so that one is the newer."""


async def furnish(world: World, scenario: Scenario, file: Path) -> None:
    """Put everything there that a scenario begins with. `file` is the scenario's own. Raises Invalid."""
    for url, wanted in scenario.repositories.items():
        branch = wanted.branch if isinstance(wanted, Repository) else "main"
        files = await asyncio.to_thread(repository_files, file, wanted)
        await world.git.create(repository_name(url), branch)
        if files:
            await world.git.commit(repository_name(url), files, "Begin\n", scenario.begins_at, branch)
    for url, tags in scenario.images.items():
        for age, tag in enumerate(reversed(tags), 1):
            await push(world, Push(image=url, tag=tag), scenario.begins_at - age * SPACE)
    for url, charts in scenario.charts.items():
        world.charts.write(chart_name(url), yaml.safe_dump({"apiVersion": "v1", "entries": {}}).encode())
        for name, versions in charts.items():
            for version in versions:
                await push(world, Push(chart=url, name=name, version=version), scenario.begins_at)
    for path in scenario.applications:
        _apply(world, text_of(file, file.parent / path), f"{file}: {path}", scenario.begins_at)
    world.bell.ring()


async def change(world: World, step: Step, now: datetime) -> None:
    """Change the world as a step says. Raises Invalid, NotFound."""
    for series, number in step.metrics.items():
        name, labels = _series(series)
        world.metrics.set(name, labels, number)
    for image in step.bad_images:
        world.cluster.mark(image, True)
    for image in step.good_images:
        world.cluster.mark(image, False)
    for each in step.push:
        await push(world, each, now)
    world.bell.ring()


async def push(world: World, wanted: Push, now: datetime) -> None:
    """Make a commit, a Git tag, an image or a chart. Raises Invalid, NotFound."""
    if wanted.image:
        path = image_path(wanted.image)
        image = build_image(f"{path}:{wanted.tag}", now)
        await asyncio.to_thread(world.registry.store.put_image, path, wanted.tag, MANIFEST, image)
    elif wanted.chart:
        where = (chart_name(wanted.chart), wanted.name, wanted.version)
        await asyncio.to_thread(world.charts.add, *where, now)
    else:
        await _commit(world, wanted, now)


async def merge(world: World, wanted: PullRequest) -> None:
    """Merge the open pull request. Raises NotFound, Conflict with the host's reason."""
    found = await open_pull_request(world, wanted)
    await world.pulls.merge(found.repository, found.number, wanted.method)
    world.bell.ring()


async def close(world: World, wanted: PullRequest) -> None:
    """Close the open pull request unmerged. Raises NotFound."""
    found = await open_pull_request(world, wanted)
    await world.pulls.change(found.repository, found.number, state="closed")


async def open_pull_request(world: World, wanted: PullRequest) -> Pull:
    """Find the newest one that is open. Raises NotFound."""
    found = await world.pulls.select(repository_name(wanted.repository), "open")
    fitting = [each for each in found if wanted.into in ("", each.base)]
    if not fitting:
        raise NotFound(
            f"{wanted.repository} has no open pull request" + (f" into {wanted.into}" if wanted.into else "")
        )
    return fitting[0]


async def _commit(world: World, wanted: Push, now: datetime) -> None:
    name = repository_name(wanted.repository)
    if wanted.files:
        await world.git.commit(name, wanted.files, f"{wanted.message}\n", now, wanted.branch)
    if wanted.tag:
        refs = await world.git.refs(name)
        if (commit := refs.get(f"refs/heads/{wanted.branch}")) is None:
            raise NotFound(f"{wanted.repository} has no branch {wanted.branch!r} to tag")
        await run(world.git.path(name), "update-ref", f"refs/tags/{wanted.tag}", commit)


def _series(text: str) -> tuple[str, dict[str, str]]:
    """Read a series as PromQL selects it. Raises Invalid."""
    try:
        matchers = parse(text).matchers
    except BadQuery as error:
        raise Invalid(f"metrics: {error}") from None
    labels = {label: value for label, operator, value in matchers if operator == "="}
    if len(labels) < len(matchers) or "__name__" not in labels:
        raise Invalid(f'metrics: {text!r} is no series, expected one like up{{job="web"}}')
    return labels.pop("__name__"), labels


def _apply(world: World, text: str, where: str, now: datetime) -> None:
    """Create the Applications of a file. Raises Invalid."""
    try:
        documents: list[Any] = [each for each in yaml.safe_load_all(text) if each]
    except yaml.YAMLError as error:
        raise Invalid(f"{where}: is not YAML: {error}") from None
    for document in documents:
        if not isinstance(document, Mapping) or document.get("kind") != "Application":
            raise Invalid(f"{where}: holds something that is no Application")
        namespace = str((document.get("metadata") or {}).get("namespace") or "argocd")
        try:
            world.applications.create(namespace, dict(document), now)
        except StatusError as error:
            raise Invalid(f"{where}: {error}") from None
