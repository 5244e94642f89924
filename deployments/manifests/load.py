"""Manifests in, a plan out: everything is read and checked before anything is applied."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from blocks.ledger.records import Definition
from deployments.manifests.check import check
from deployments.manifests.config_map import ConfigMapSpec
from deployments.manifests.known import known
from deployments.manifests.plan import Plan, plan, pruned
from deployments.manifests.problem import ManifestError, Problem
from deployments.manifests.read import Document, read
from deployments.manifests.resource import Resource, claimed, read_resource
from deployments.manifests.secret import SecretSpec


@dataclass(frozen=True)
class Manifests:
    """Valid manifests: definitions for the ledger with the plan for them, Secrets and ConfigMaps for Prefect.

    `projects` are the projects the files name.
    """

    definitions: list[Definition]
    secrets: list[SecretSpec]
    config_maps: list[ConfigMapSpec]
    projects: list[str]
    plan: Plan = field(repr=False)


def load(
    paths: Iterable[str], existing: Sequence[Definition], prune: bool = False, stdin: BinaryIO | None = None
) -> Manifests:
    """Read manifests and plan what applying them changes. Blocking: call it in a thread.

    `existing` is everything the ledger has. Raises ManifestError with all problems of all files; then nothing may
    be applied.
    """
    documents, problems = read(paths, stdin)
    resources: list[Resource] = []
    broken: list[Document] = []
    for document in documents:
        resource, found = read_resource(document)
        problems += found
        if resource:
            resources.append(resource)
        else:
            broken.append(document)
    projects = sorted({_project(each) for each in resources} - {""})
    problems += _together(resources, broken, existing, projects, prune)
    if problems:
        raise ManifestError(problems)
    definitions = [each.content for each in resources if isinstance(each.content, Definition)]
    return Manifests(
        definitions,
        [each.content for each in resources if isinstance(each.content, SecretSpec)],
        [each.content for each in resources if isinstance(each.content, ConfigMapSpec)],
        projects,
        plan(definitions, existing, projects, prune),
    )


def _together(
    resources: Sequence[Resource],
    broken: Sequence[Document],
    existing: Sequence[Definition],
    projects: list[str],
    prune: bool,
) -> list[Problem]:
    keys = [key for document in broken if (key := claimed(document))]
    wanted = {(each.kind.name, each.project, each.name) for each in resources}
    gone = {id(each) for each in pruned(existing, wanted | set(keys), projects)} if prune else set()
    staying = [each for each in existing if id(each) not in gone]
    return check(resources, known(resources, staying, keys))


def _project(resource: Resource) -> str:
    return resource.name if resource.kind.name == "Project" else resource.project
