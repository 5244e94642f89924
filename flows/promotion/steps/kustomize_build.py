"""kustomize-build: render a kustomization to one file or to one file for each object.

The program is `kustomize`, or else `kubectl kustomize`. Files may be taken from anywhere in the working
directory, as in Kargo; what a kustomization takes from outside it is found and refused beforehand, for the
programs cannot be confined themselves.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field

from blocks.errors import NotFound, Refused
from flows.model import Model
from flows.promotion.files import write_whole
from flows.promotion.kustomization import check_confined
from flows.promotion.manifests import documents, file_name, file_name_of_kustomize
from flows.promotion.program import Program
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class HelmPlugin(Model):
    """How charts in a kustomization are rendered."""

    api_versions: list[str] = Field(default_factory=list, description="API versions the cluster has.")
    kube_version: str = Field(default="", description="Kubernetes version of the cluster.")


class Plugin(Model):
    """Settings of Kustomize's plugins."""

    helm: HelmPlugin | None = Field(default=None, description="The Helm chart inflator.")


class Config(Model):
    """What to render where."""

    path: str = Field(min_length=1, description="Directory of the kustomization, relative to the working directory.")
    out_path: str = Field(min_length=1, description="A file when it ends in .yaml or .yml, else a directory.")
    output_format: Literal["kargo", "kustomize"] = Field(
        default="kargo", description="How files in a directory are named: [namespace-]kind-name, or as Kustomize does."
    )
    plugin: Plugin = Field(default_factory=Plugin, description="Settings of plugins.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Render and write."""
    directory, target = ctx.path(config.path), ctx.path(config.out_path)
    if not directory.is_dir():
        raise NotFound(f"there is no directory {config.path!r} in the promotion's working directory")
    command = _command(config.plugin.helm)
    await asyncio.to_thread(check_confined, directory, ctx.work_dir.resolve())
    rendered = await _rendered([*command, str(directory)], config.path, ctx.work_dir)
    await asyncio.to_thread(_write, rendered, target, config)
    return Succeeded()


def _command(helm: HelmPlugin | None) -> list[str]:
    kustomize, kubectl, chart_program = (shutil.which(name) for name in ("kustomize", "kubectl", "helm"))
    if not kustomize and not kubectl:
        raise Refused("neither kustomize nor kubectl is installed where this runs: install one of them")
    if helm and not chart_program:
        raise Refused("plugin.helm is set, but helm is not installed where this runs: install it")
    program = [kustomize, "build"] if kustomize else [str(kubectl), "kustomize"]
    charts = ["--enable-helm", "--helm-command", chart_program] if chart_program else []
    settings = [] if helm is None else [f"--helm-api-versions={version}" for version in helm.api_versions]
    if helm and helm.kube_version:
        settings.append(f"--helm-kube-version={helm.kube_version}")
    return [*program, "--load-restrictor=LoadRestrictionsNone", *charts, *settings]


async def _rendered(command: list[str], path: str, work_dir: Path) -> str:
    """Run the program in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="drayage-kustomize-") as home:
        return await Program(Path(home), work_dir, f"render {path!r}").run(command)


def _write(rendered: str, target: Path, config: Config) -> None:
    if target.suffix in (".yaml", ".yml"):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, rendered.encode())
        return
    objects = documents(rendered)
    several = len({item.namespace for item in objects if item.namespace}) > 1
    target.mkdir(parents=True, exist_ok=True)
    for item in objects:
        name = file_name(item) if config.output_format == "kargo" else file_name_of_kustomize(item, several)
        write_whole(target / name, item.text.encode())
