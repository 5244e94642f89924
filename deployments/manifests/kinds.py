"""The kinds of objects that can be applied, and what is said about the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from flows.promotion.model import PromotionTaskSpec
from flows.stage import cluster_config, project_config
from flows.stage.cluster_config import ClusterConfigSpec
from flows.stage.model import StagePolicySpec, StageSpec, TargetSpec
from flows.stage.project_config import ProjectConfigSpec
from flows.verification.model import AnalysisTemplateSpec
from flows.verification.unsupported import unsupported as unsupported_template
from flows.warehouse.model import WarehouseSpec
from flows.warehouse.support import unsupported as unsupported_warehouse

KARGO = "kargo.akuity.io/v1alpha1"
ROLLOUTS = "argoproj.io/v1alpha1"
DRAYAGE = "drayage.dev/v1"
CORE = "v1"

Refusals = Callable[[Any], Sequence[tuple[str, str]]]
"""Returns what is used but does not work yet: path in the spec, with or without it, and a sentence."""


def _none(_spec: Any) -> list[tuple[str, str]]:
    return []


@dataclass(frozen=True)
class Kind:
    """One kind: its name, the model of its spec (None where it has none), and whether it belongs to no project.

    `keys` are the keys it has beside apiVersion, kind, metadata and status.
    """

    api_version: str
    name: str
    spec: type[BaseModel] | None = None
    cluster: bool = False
    refusals: Refusals = _none
    keys: tuple[str, ...] = ("spec",)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(KARGO, "Project", cluster=True),
        Kind(KARGO, "ProjectConfig", ProjectConfigSpec, refusals=project_config.unsupported),
        Kind(KARGO, "ClusterConfig", ClusterConfigSpec, cluster=True, refusals=cluster_config.unsupported),
        Kind(KARGO, "Warehouse", WarehouseSpec, refusals=unsupported_warehouse),
        Kind(KARGO, "Stage", StageSpec),
        Kind(KARGO, "Target", TargetSpec),
        Kind(KARGO, "PromotionTask", PromotionTaskSpec),
        Kind(KARGO, "ClusterPromotionTask", PromotionTaskSpec, cluster=True),
        Kind(ROLLOUTS, "AnalysisTemplate", AnalysisTemplateSpec, refusals=unsupported_template),
        Kind(ROLLOUTS, "ClusterAnalysisTemplate", AnalysisTemplateSpec, cluster=True, refusals=unsupported_template),
        Kind(DRAYAGE, "StagePolicy", StagePolicySpec),
        Kind(CORE, "Secret", keys=("data", "stringData", "type", "immutable")),
        Kind(CORE, "ConfigMap", keys=("data", "binaryData", "immutable")),
    )
}

_NOT_YET = "is not available yet; remove it"
_RECORD = "is made by Drayage itself and cannot be applied; remove it"
_ROLES = "is not available yet: who may do what is not read from manifests; remove it"

UNAVAILABLE: dict[str, str] = {
    "PromotionRequest": _RECORD,
    "MessageChannel": _NOT_YET,
    "ClusterMessageChannel": _NOT_YET,
    "EventRouter": _NOT_YET,
    "CustomPromotionStep": _NOT_YET,
    "Freight": _RECORD,
    "Promotion": _RECORD,
    "AnalysisRun": _RECORD,
    "Namespace": "is not needed: a Project has no namespace here; remove it",
    "Application": "belongs to Argo CD; apply it with kubectl",
    "ApplicationSet": "belongs to Argo CD; apply it with kubectl",
    "ServiceAccount": _ROLES,
    "Role": _ROLES,
    "RoleBinding": _ROLES,
    "ClusterRole": _ROLES,
    "ClusterRoleBinding": _ROLES,
}


def kind_of(data: dict[str, Any]) -> Kind | tuple[str, str]:
    """Find the kind of an object, or the key that is wrong about it and a sentence."""
    name, api_version = data.get("kind"), data.get("apiVersion")
    if not isinstance(name, str) or not name:
        return "kind", f"is missing, expected one of {', '.join(KINDS)}, add it"
    if name in UNAVAILABLE:
        return "kind", f"{name} {UNAVAILABLE[name]}"
    kind = KINDS.get(name)
    if kind is None:
        return "kind", f"is {name!r}, expected one of {', '.join(KINDS)}, correct or remove it"
    if api_version != kind.api_version:
        found = repr(api_version) if isinstance(api_version, str) else "missing"
        return "apiVersion", f"is {found}, expected {kind.api_version!r} for kind {name}, write that"
    return kind
