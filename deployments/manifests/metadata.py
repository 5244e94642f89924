"""The metadata every object has, as Kubernetes writes it."""

import re
from typing import Any

from pydantic import Field

from blocks.credentials import SHARED, SYSTEM
from blocks.ledger.definitions import CLUSTER_CONFIG
from deployments.manifests.kinds import Kind
from flows.model import Model

SHARED_PROJECTS = (SHARED,)
"""Namespaces that belong to no Project; their Secrets and ConfigMaps are for all (Kargo: shared resources)."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LIVE_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
"""Holds a whole earlier manifest, secrets included; never kept."""


class ObjectMeta(Model):
    """Name, place, labels and annotations; what only a Kubernetes server writes is read and forgotten."""

    name: str = Field(min_length=1, max_length=253, description="name of the object.")
    namespace: str | None = Field(default=None, description="Project the object belongs to.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations.")
    creation_timestamp: Any = Field(default=None, description="Written by Kubernetes.")
    deletion_timestamp: Any = Field(default=None, description="Written by Kubernetes.")
    deletion_grace_period_seconds: Any = Field(default=None, description="Written by Kubernetes.")
    finalizers: Any = Field(default=None, description="Written by Kubernetes.")
    generation: Any = Field(default=None, description="Written by Kubernetes.")
    managed_fields: Any = Field(default=None, description="Written by Kubernetes.")
    owner_references: Any = Field(default=None, description="Written by Kubernetes.")
    resource_version: Any = Field(default=None, description="Written by Kubernetes.")
    self_link: Any = Field(default=None, description="Written by Kubernetes.")
    uid: Any = Field(default=None, description="Written by Kubernetes.")

    def kept(self) -> dict[str, Any]:
        """What of the metadata belongs to the definition."""
        annotations = {key: value for key, value in self.annotations.items() if key != _LIVE_ANNOTATION}
        parts = {"namespace": self.namespace, "labels": self.labels, "annotations": annotations}
        return {"name": self.name} | {key: value for key, value in parts.items() if value}


def project_of(kind: Kind, metadata: ObjectMeta) -> str:
    """The project an object belongs to; empty for those of the whole installation."""
    return "" if kind.cluster else metadata.namespace or ""


def name_problems(kind: Kind, metadata: ObjectMeta) -> list[tuple[str, str]]:
    """What is wrong with an object's name or place, as the key in the metadata and a sentence."""
    problems = []
    pattern = _LABEL if kind.name in ("Project", "ProjectConfig") else _SUBDOMAIN
    if not pattern.fullmatch(metadata.name):
        problems.append(("name", _not_a_name(metadata.name)))
    if kind.name == "ClusterConfig" and metadata.name != CLUSTER_CONFIG:
        problems.append(("name", f"is {metadata.name!r}, expected {CLUSTER_CONFIG!r}, there is only one: rename it"))
    if kind.name == "Project" and metadata.name in (SHARED, SYSTEM):
        problems.append(("name", f"is {metadata.name!r}, which is for Secrets that belong to no project: rename it"))
    if kind.cluster:
        if metadata.namespace:
            problems.append(("namespace", f"is given, expected none, a {kind.name} is in no project: remove it"))
    elif not metadata.namespace:
        problems.append(("namespace", "is missing, expected the name of the project, add it"))
    elif not _LABEL.fullmatch(metadata.namespace):
        problems.append(("namespace", _not_a_name(metadata.namespace)))
    elif kind.name == "ProjectConfig" and metadata.name != metadata.namespace:
        problems.append(
            ("name", f"is {metadata.name!r}, expected {metadata.namespace!r}, a ProjectConfig is named for its project")
        )
    return problems


def _not_a_name(name: str) -> str:
    return f"is {name!r}, expected lower-case letters, digits and '-', a letter or digit at both ends, rename it"
