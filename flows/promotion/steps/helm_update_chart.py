"""helm-update-chart: change the versions of a chart's dependencies and bring its lock up to date."""

import asyncio
import hashlib
import json
import re
from pathlib import Path

from pydantic import Field

from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.helm import (
    Dependency,
    chart_at,
    dependencies,
    helm_home,
    plain_http,
    program,
    read_dependencies,
)
from flows.promotion.result import Outputs, StepContext, Succeeded
from flows.promotion.steps.yaml_update import Update, updated

OUTWARD = False

LOCK = "Chart.lock"
_GENERATED = re.compile(r"^generated:.*$", re.MULTILINE)


class Chart(Model):
    """One dependency to change."""

    repository: str = Field(
        min_length=1, description="Its repository exactly as in Chart.yaml; for OCI without the chart's name."
    )
    name: str = Field(min_length=1, description="Its name.")
    version: str = Field(min_length=1, description="Its new version.")


class Config(Model):
    """What to change in which chart."""

    path: str = Field(min_length=1, description="Directory of the chart, relative to the working directory.")
    charts: list[Chart] = Field(
        default_factory=list,
        description="What to change in Chart.yaml; without, all are brought up to date within their ranges.",
    )


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Edit Chart.yaml, have helm resolve and download, and tell what became of the lock."""
    chart = await asyncio.to_thread(chart_at, ctx, config.path)
    before = _before(ctx, chart)
    await _helm(config, ctx, chart, "update")
    after = _lock(chart)
    changes = _changes(_versions(before), _versions(after))
    if after is None:
        return Succeeded()
    # Helm writes the time into every lock; one that says nothing new stays, another has the time this step began.
    lock = before if before is not None and not changes else _GENERATED.sub(f'generated: "{_began(ctx)}"', after)
    write_whole(chart / LOCK, lock.encode())
    return Succeeded({"lock": lock} | _message(config.path, changes))


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Bring the very same dependencies again, by the lock of before."""
    chart = await asyncio.to_thread(chart_at, ctx, config.path)
    if "lock" in outputs:
        write_whole(chart / LOCK, outputs["lock"].encode())
        await _helm(config, ctx, chart, "build")


async def _helm(config: Config, ctx: StepContext, chart: Path, what: str) -> None:
    needed = dependencies(ctx, config.path)
    text = read_text(ctx, f"{config.path}/Chart.yaml")
    if changed := _updates(config, needed):
        write_whole(chart / "Chart.yaml", updated(text, changed, f"{config.path}/Chart.yaml").encode())
    async with helm_home(ctx, needed, f"{what} the dependencies of {config.path!r}") as place:
        await place.run([program(), "dependency", what, *plain_http(needed), "--", str(chart)])


def _updates(config: Config, needed: list[Dependency]) -> list[Update]:
    """Say what to set in Chart.yaml. Raises Invalid for what the chart does not depend on."""
    found = []
    for wanted in config.charts:
        places = [
            i for i, each in enumerate(needed) if (each.repository, each.name) == (wanted.repository, wanted.name)
        ]
        if not places:
            raise Invalid(
                f"chart {config.path!r} has no dependency {wanted.name!r} of repository {wanted.repository!r}: "
                "write both as they stand in its Chart.yaml"
            )
        if needed[places[0]].version != wanted.version:
            found.append(Update(key=f"dependencies.{places[0]}.version", value=wanted.version))
    return found


def _before(ctx: StepContext, chart: Path) -> str | None:
    """The lock as it was when this step first began, kept beside the working directory for an attempt after a kill."""
    kept = ctx.work_dir.parent / f"lock-{hashlib.sha256(ctx.alias.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        write_whole(kept, json.dumps(_lock(chart)).encode())
    before: str | None = json.loads(kept.read_bytes())
    return before


def _lock(chart: Path) -> str | None:
    return (chart / LOCK).read_text() if (chart / LOCK).is_file() else None


def _versions(lock: str | None) -> dict[str, str]:
    return {each.name: each.version for each in read_dependencies(lock or "", LOCK)}


def _changes(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, str]]:
    """What became of each dependency, as Kargo words it."""
    new = [
        (name, f"{before[name]} -> {version}" if name in before else version)
        for name, version in after.items()
        if before.get(name) != version
    ]
    return new + [(name, "removed") for name in before if name not in after]


def _message(path: str, changes: list[tuple[str, str]]) -> Outputs:
    if not changes:
        return {}
    lines = "".join(f"\n- {name}: {change}" for name, change in changes)
    return {"commitMessage": f"Updated chart dependencies for {path}\n{lines}"}


def _began(ctx: StepContext) -> str:
    return ctx.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
