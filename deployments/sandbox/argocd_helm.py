"""The few words of Helm that GitOps examples live on: values, parameters, and templates that only fill them in."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from deployments.sandbox.argocd_yaml import CannotRender, Files, Manifest, documents

Json = dict[str, Any]

ACTION = re.compile(r"(?:\s*\{\{-|\{\{)\s*(.*?)\s*(?:-\}\}\s*|\}\})", re.DOTALL)
WORDS = "values, .Release.Name, .Release.Namespace, .Chart.*, texts, and the functions quote and default"


@dataclass(frozen=True)
class Release:
    """What a chart is installed as; `files` are those of the sources that others name by `$<ref>`."""

    name: str = "application"
    namespace: str = "default"
    files: Mapping[str, Files] = field(default_factory=dict)


def render_chart(files: Files, folder: str, source: Mapping[str, Any], release: Release) -> tuple[Manifest, ...]:
    """Render the chart in a folder as the source's `helm` says; `CannotRender` for words not known here."""
    helm: Json = dict(source.get("helm") or {})
    chart = _read(f"{folder}/Chart.yaml", files)
    if chart.get("dependencies"):
        raise CannotRender(f"chart {chart.get('name')!r} has dependencies, which the sandbox's Helm does not fetch")
    scope = {
        "Chart": {name[:1].upper() + name[1:]: value for name, value in chart.items()},
        "Release": {"Name": helm.get("releaseName") or release.name, "Namespace": release.namespace},
        "Values": values_of(files, folder, helm, release),
    }
    templates = posixpath.normpath(f"{folder}/templates") + "/"
    found = []
    for path in sorted(files):
        if path.startswith(templates) and _is_manifest(posixpath.basename(path)):
            text = filled_in(path, files[path].decode(errors="replace"), scope)
            found += documents(path, text.encode())
    return tuple(found)


def values_of(files: Files, folder: str, helm: Mapping[str, Any], release: Release) -> Json:
    """Merge the chart's values, files of values, the source's own and its parameters, the later over the earlier."""
    default = posixpath.normpath(f"{folder}/values.yaml")
    layers = [_read(default, files)] if default in files else []
    layers += [_value_file(files, folder, str(name), helm, release) for name in helm.get("valueFiles") or []]
    layers += [_parsed("helm.values", str(helm["values"]))] if helm.get("values") else []
    layers += [dict(helm.get("valuesObject") or {})]
    merged: Json = reduce(_merged, layers, {})
    for parameter in helm.get("parameters") or []:
        merged = _merged(merged, _nested(str(parameter.get("name", "")), _typed(parameter)))
    return merged


def filled_in(path: str, text: str, scope: Json) -> str:
    """Fill a template in."""
    return ACTION.sub(lambda action: _evaluated(path, action[1], scope), text)


def _evaluated(path: str, action: str, scope: Json) -> str:
    if action.startswith("/*"):
        return ""
    first, *filters = [part.strip() for part in action.split("|")]
    value = _operand(path, first, scope)
    for each in filters:
        name, _, argument = each.partition(" ")
        if name == "quote" and not argument:
            value = '"' + _text(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        elif name == "default" and argument:
            value = value if value not in (None, "", 0, False) else _operand(path, argument.strip(), scope)
        else:
            raise _unknown(path, action)
    return _text(value)


def _operand(path: str, text: str, scope: Json) -> Any:
    if match := re.fullmatch(r'"([^"\\]*)"', text):
        return match[1]
    if not re.fullmatch(r"(\.[A-Za-z_][A-Za-z0-9_]*)+", text):
        raise _unknown(path, text)
    found: Any = scope
    for name in text[1:].split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict | list):
        raise _unknown(path, text)
    return found


def _unknown(path: str, action: str) -> CannotRender:
    return CannotRender(f"{path} has {{{{ {action} }}}}; the sandbox's Helm knows {WORDS}")


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _is_manifest(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith("_")


def _value_file(files: Files, folder: str, name: str, helm: Mapping[str, Any], release: Release) -> Json:
    where, path = files, posixpath.normpath(posixpath.join(folder, name))
    if name.startswith("$"):
        ref, _, path = name[1:].partition("/")
        where = release.files.get(ref, {})
    if path not in where:
        if helm.get("ignoreMissingValueFiles"):
            return {}
        raise CannotRender(f"values file {name!r} does not exist")
    return _read(path, where)


def _read(path: str, files: Files) -> Json:
    path = posixpath.normpath(path)
    if path not in files:
        raise CannotRender(f"{path} does not exist")
    return _parsed(path, files[path].decode(errors="replace"))


def _parsed(what: str, text: str) -> Json:
    try:
        found = YAML(typ="safe").load(text) or {}
    except YAMLError as error:
        raise CannotRender(f"{what} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise CannotRender(f"{what} must be an object")
    return found


def _typed(parameter: Mapping[str, Any]) -> Any:
    """A parameter's value as `--set` reads it, or as text with `forceString`."""
    text = str(parameter.get("value", ""))
    if parameter.get("forceString") or not re.fullmatch(r"true|false|null|0|-?[1-9][0-9]*", text):
        return text
    return {"true": True, "false": False, "null": None}.get(text, text) if text.isalpha() else int(text)


def _nested(name: str, value: Any) -> Json:
    if not name or "[" in name:
        raise CannotRender(f"parameter {name!r} is none the sandbox's Helm knows: it has names with dots only")
    *parents, last = name.replace("\\.", "\0").split(".")
    found: Json = {last.replace("\0", "."): value}
    for parent in reversed(parents):
        found = {parent.replace("\0", "."): found}
    return found


def _merged(old: Json, new: Json) -> Json:
    both = {name: _merged(old[name], new[name]) for name in old.keys() & new.keys() if _both_objects(old, new, name)}
    return {**old, **new, **both}


def _both_objects(old: Json, new: Json, name: str) -> bool:
    return isinstance(old[name], dict) and isinstance(new[name], dict)
