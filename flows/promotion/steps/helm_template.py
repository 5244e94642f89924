"""helm-template: render a chart to one file, or to a directory."""

import asyncio
import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from blocks.errors import NotFound
from flows.model import Model
from flows.promotion.files import MOST_FILES, write_whole
from flows.promotion.helm import chart_at, dependencies, helm_home, plain_http, program
from flows.promotion.manifests import documents, file_name_of_helm
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class SetValue(Model):
    """One value."""

    key: str = Field(min_length=1, description="Its place, as `--set` has it.")
    value: str = Field(description="The value; what looks like a number or a boolean is one.")
    literal: bool = Field(default=False, description="Whether it is text exactly as written, as with `--set-literal`.")


class Config(Model):
    """What to render where."""

    path: str = Field(min_length=1, description="The chart, relative to the working directory.")
    out_path: str = Field(min_length=1, description="A file when it ends in .yaml or .yml, else a directory.")
    out_layout: Literal["helm", "flat"] = Field(
        default="helm",
        description="Layout of a directory: as Helm does, or a file [group-]kind-[namespace-]name for each object.",
    )
    release_name: str = Field(min_length=1, description="Name of the release.")
    use_release_name: bool = Field(
        default=False, description="Whether the release's name is a directory in the directory (layout helm)."
    )
    namespace: str = Field(default="", description="Namespace of the release; the project if not given.")
    values_files: list[str] = Field(default_factory=list, description="Files of values, the later over the earlier.")
    ignore_missing_value_files: bool = Field(default=False, description="Whether files of values may be missing.")
    set_values: list[SetValue] = Field(default_factory=list, description="Values over those of all files.")
    build_dependencies: bool = Field(
        default=False, description="Whether the chart's dependencies are downloaded first."
    )
    include_crds: bool = Field(default=False, alias="includeCRDs", description="Whether CRDs are rendered.")
    disable_hooks: bool = Field(default=False, description="Whether hooks are left out.")
    skip_tests: bool = Field(default=False, description="Whether hooks that are tests are left out.")
    kube_version: str = Field(default="", description="Kubernetes version of the cluster.")
    api_versions: list[str] = Field(default_factory=list, description="API versions the cluster has.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Render in a place of its own, then write."""
    helm, chart = program(), await asyncio.to_thread(chart_at, ctx, config.path)
    values = [path for name in config.values_files if (path := _values_file(config, ctx, name))]
    needed = dependencies(ctx, config.path) if config.build_dependencies and chart.is_dir() else []
    async with helm_home(ctx, needed, f"render {config.path!r}") as place:
        if needed:
            await place.run([helm, "dependency", "build", *plain_http(needed), "--", str(chart)])
        rendered = place.home / "rendered"
        settings = _settings(config, ctx.project, values)
        if not _one_file(config) and config.out_layout == "helm":
            settings.append(f"--output-dir={rendered}")
        said = await place.run([helm, "template", *settings, "--", config.release_name, str(chart)])
        await asyncio.to_thread(_write, config, ctx, said, rendered)
    return Succeeded()


def _values_file(config: Config, ctx: StepContext, name: str) -> Path | None:
    path = ctx.path(name)
    if path.is_file():
        return path
    if config.ignore_missing_value_files:
        return None
    raise NotFound(f"there is no file of values {name!r} in the promotion's working directory")


def _settings(config: Config, project: str, values: list[Path]) -> list[str]:
    switches = {
        "--include-crds": config.include_crds,
        "--no-hooks": config.disable_hooks,
        "--skip-tests": config.skip_tests,
        "--release-name": config.use_release_name,
    }
    kinds = {False: "--set", True: "--set-literal"}
    return [
        f"--namespace={config.namespace or project}",
        *(f"--values={path}" for path in values),
        *(f"{kinds[each.literal]}={each.key}={each.value}" for each in config.set_values),
        *(name for name, wanted in switches.items() if wanted),
        *([f"--kube-version={config.kube_version}"] if config.kube_version else []),
        *(f"--api-versions={version}" for version in config.api_versions),
    ]


def _one_file(config: Config) -> bool:
    return Path(config.out_path).suffix in (".yaml", ".yml")


def _write(config: Config, ctx: StepContext, said: str, rendered: Path) -> None:
    if _one_file(config):
        _put(ctx, config.out_path, f"{said.strip()}\n")
    elif config.out_layout == "flat":
        for number, item in enumerate(documents(said, nameless=True)):
            _put(ctx, f"{config.out_path}/{file_name_of_helm(item, number)}", item.text)
    else:
        for file in _files(rendered):
            _put(ctx, f"{config.out_path}/{file.relative_to(rendered)}", file.read_text())


def _files(rendered: Path) -> list[Path]:
    found = [Path(parent, name) for parent, _, names in os.walk(rendered) for name in names]
    return sorted(found)[:MOST_FILES]


def _put(ctx: StepContext, relative: str, text: str) -> None:
    path = ctx.path(relative)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
