"""Charts as sources of Applications: their version found in the sandbox's repositories, their files unpacked."""

import re
import tarfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from blocks.errors import Invalid
from deployments.sandbox.argocd_yaml import CannotRender, Files
from deployments.sandbox.chart_repositories import NAME, ChartRepositories
from flows.warehouse.semver import parse, sort_descending
from flows.warehouse.semver_constraint import Constraint

Source = Mapping[str, Any]


def chart_version(charts: ChartRepositories, source: Source, wanted: str) -> str:
    """Find the version that `targetRevision` means: itself, or the newest within a range."""
    listed = _versions(charts, source)
    if wanted in listed:
        return wanted
    try:
        constraint = Constraint.parse("*" if wanted in ("", "HEAD") else wanted)
    except Invalid:
        raise CannotRender(f"version {wanted!r} of chart {source['chart']!r} does not exist") from None
    found = [version for text in listed if (version := parse(text)) and constraint.check(version)]
    if not found:
        raise CannotRender(f"no version of chart {source['chart']!r} is within {wanted!r}")
    return sort_descending(found)[0].original


def chart_files(charts: ChartRepositories, source: Source, version: str) -> Files:
    """Unpack a chart; paths begin below its folder."""
    packed = charts.root / _repository(source) / f"{source['chart']}-{version}.tgz"
    if not packed.is_file():
        raise CannotRender(f"version {version!r} of chart {source['chart']!r} does not exist")
    with tarfile.open(packed, mode="r:gz") as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {each.name.partition("/")[2]: file.read() for each in members if (file := tar.extractfile(each))}


def _versions(charts: ChartRepositories, source: Source) -> list[str]:
    index = charts.root / _repository(source) / "index.yaml"
    try:
        listed = [str(each["version"]) for each in yaml.safe_load(index.read_bytes())["entries"][source["chart"]]]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise CannotRender(f"chart {source['chart']!r} does not exist in {source.get('repoURL')}") from None
    return listed


def _repository(source: Source) -> str:
    """Name the sandbox's repository a URL means: `/charts/<name>` of any host, or an address kept under its name."""
    url = str(source.get("repoURL", ""))
    if match := re.fullmatch(rf"/charts/({NAME})/?", urlsplit(url).path):
        return match[1]
    name = "-".join(part for part in url.partition("://")[2].replace(":", "-").split("/") if part)
    if re.fullmatch(NAME, name):
        return name
    raise CannotRender(f"{url!r} is no chart repository of this sandbox, whose paths are /charts/<name>")
