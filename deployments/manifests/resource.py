"""One object of the manifests, read and validated by itself."""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from blocks.ledger.records import Definition
from deployments.manifests.config_map import ConfigMapSpec, read_config_map
from deployments.manifests.kinds import KINDS, Kind, kind_of
from deployments.manifests.metadata import ObjectMeta, name_problems, project_of
from deployments.manifests.problem import Path, Problem, parse_path
from deployments.manifests.read import Document
from deployments.manifests.secret import SecretSpec, read_secret
from deployments.manifests.sentences import sentences

_FREE_FORM = ("config", "jsonBody")
"""Keys under which an empty value means something; elsewhere it is a field left out, as in Kubernetes."""

_ENVELOPE = ("apiVersion", "kind", "metadata", "status")

Found = list[tuple[Path, str]]


@dataclass(frozen=True)
class Resource:
    """A valid object; `spec` is the model of its kind, None where it has none."""

    kind: Kind
    project: str
    name: str
    spec: Any = field(repr=False)
    content: Definition | SecretSpec | ConfigMapSpec
    document: Document = field(repr=False)

    def problem(self, path: str, message: str) -> Problem:
        """Say what is wrong at a path of the spec."""
        return self.document.problem(("spec", *parse_path(path)), message)


def read_resource(document: Document) -> tuple[Resource | None, list[Problem]]:
    """Validate one object: it, and everything that is wrong with it. A Secret's values appear in no problem.

    An object that only uses what does not work yet comes back with these problems, so that it can be checked further.
    """
    kind = kind_of(document.data)
    if not isinstance(kind, Kind):
        key, message = kind
        return None, [document.problem((key,), message)]
    metadata, found = _metadata(kind, document.data)
    spec, wrong = _spec(kind, document.data)
    content, more = _content(kind, metadata or ObjectMeta(name="unnamed"), document.data)
    found += [*_unknown_keys(kind, document.data), *wrong, *more]
    problems = [document.problem(path, message) for path, message in [*found, *_refused(kind, spec)]]
    if metadata is None or content is None or found:
        return None, problems
    return Resource(kind, project_of(kind, metadata), metadata.name, spec, content, document), problems


def claimed(document: Document) -> tuple[str, str, str] | None:
    """Which object a document is meant to be, as kind, project and name, whatever else is wrong with it."""
    name = document.data.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    metadata = document.data.get("metadata")
    if kind is None or not isinstance(metadata, dict):
        return None
    place = "" if kind.cluster else metadata.get("namespace")
    named = metadata.get("name")
    return (kind.name, place, named) if isinstance(place, str) and isinstance(named, str) else None


def without_empty(value: Any) -> Any:
    """The data without fields that are empty (null), which Kubernetes treats as left out."""
    if isinstance(value, list):
        return [without_empty(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: each if key in _FREE_FORM else without_empty(each)
        for key, each in value.items()
        if each is not None or key in _FREE_FORM
    }


def _metadata(kind: Kind, data: dict[str, Any]) -> tuple[ObjectMeta | None, Found]:
    given = without_empty(data.get("metadata") or {})
    metadata, found = _validated(ObjectMeta, given, ("metadata",), show_values=kind.name != "Secret")
    if metadata is None:
        return None, found
    return metadata, [(("metadata", key), message) for key, message in name_problems(kind, metadata)]


def _unknown_keys(kind: Kind, data: dict[str, Any]) -> Found:
    if kind.name == "Project" and data.get("spec"):
        return [(("spec",), "a Project has no spec; put promotionPolicies into a ProjectConfig of the project")]
    known = (*_ENVELOPE, *kind.keys)
    return [
        ((key,), f"is no field here, expected one of {', '.join(known)}, remove it") for key in data if key not in known
    ]


def _spec(kind: Kind, data: dict[str, Any]) -> tuple[Any, Found]:
    if kind.spec is None:
        return None, []
    return _validated(kind.spec, without_empty(data.get("spec") or {}), ("spec",))


def _refused(kind: Kind, spec: Any) -> Found:
    """What the spec uses but does not work yet."""
    if spec is None:
        return []
    return [(("spec", *parse_path(path.removeprefix("spec."))), message) for path, message in kind.refusals(spec)]


def _validated(model: type[BaseModel], data: Any, root: Path, show_values: bool = True) -> tuple[Any, Found]:
    """Validate as Kubernetes does, where a quoted number is no number."""
    try:
        return model.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        return None, [((*root, *path), message) for path, message in sentences(model, error, show_values)]


def _content(
    kind: Kind, metadata: ObjectMeta, data: dict[str, Any]
) -> tuple[Definition | SecretSpec | ConfigMapSpec | None, Found]:
    if kind.name == "Secret":
        return read_secret(metadata, data)
    if kind.name == "ConfigMap":
        return read_config_map(metadata, data)
    manifest = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata.kept()}
    if kind.spec is not None:
        manifest["spec"] = without_empty(data.get("spec") or {})
    return Definition(kind.name, project_of(kind, metadata), metadata.name, manifest), []
