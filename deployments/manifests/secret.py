"""Secrets as Kargo labels them. Their values appear in no message, log or repr."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from blocks.credential_exchange.github_app import SCOPES, read_scopes
from blocks.credential_exchange.kinds import KEYS
from blocks.credential_exchange.kinds import problems as kind_problems
from blocks.credentials import SYSTEM
from blocks.errors import Invalid
from deployments.manifests.metadata import ObjectMeta
from deployments.manifests.problem import Path
from flows.warehouse.filter import regex

TYPE_LABEL = "kargo.akuity.io/cred-type"
REPOSITORY_TYPES = ("git", "helm", "image")
TYPES = (*REPOSITORY_TYPES, "generic")

_URL_KEYS = ("repoURL", "repoURLIsRegex")

Found = list[tuple[Path, str]]


@dataclass(frozen=True)
class SecretSpec:
    """What becomes an encrypted Prefect block: its values by key, those of repositories by Kargo's keys.

    `github_token_scopes` is the annotation that restricts a GitHub App.
    """

    project: str
    name: str
    cred_type: str
    values: dict[str, SecretStr] = field(default_factory=dict, repr=False)
    github_token_scopes: str = ""


def read_secret(metadata: ObjectMeta, data: dict[str, Any]) -> tuple[SecretSpec | None, Found]:
    """Read a Secret, or return everything wrong with it; problems name keys, never values."""
    cred_type = metadata.labels.get(TYPE_LABEL, "generic" if metadata.namespace == SYSTEM else "")
    values, problems = _values(data)
    if cred_type not in TYPES:
        known = ", ".join(TYPES)
        problems.append(
            (("metadata", "labels", TYPE_LABEL), f"is none of {known}, expected one of them, set the label")
        )
    elif cred_type in REPOSITORY_TYPES:
        problems += _repository_problems(cred_type, values, data)
    scopes = metadata.annotations.get(SCOPES, "")
    problems += _scope_problems(scopes)
    if problems:
        return None, problems
    hidden = {key: SecretStr(value) for key, value in values.items()}
    return SecretSpec(metadata.namespace or "", metadata.name, cred_type, hidden, scopes), []


def _repository_problems(cred_type: str, values: dict[str, str], data: dict[str, Any]) -> Found:
    known = ", ".join((*_URL_KEYS, *KEYS))
    problems: Found = [
        (_place(key, data), f"is no key of repository credentials, expected only {known}, remove it")
        for key in values
        if key not in (*_URL_KEYS, *KEYS)
    ]
    if not values.get("repoURL"):
        problems.append((("stringData", "repoURL"), "is missing, expected for repository credentials, add it"))
    problems += [
        (_place(key, data) if key in values else ("stringData", key), sentence)
        for key, sentence in kind_problems(cred_type, {key: values[key] for key in KEYS if key in values})
    ]
    if values.get("repoURLIsRegex") == "true" and not _is_regex(values.get("repoURL", "")):
        problems.append((_place("repoURL", data), "is no RE2 regular expression, expected one, correct it"))
    return problems


def _scope_problems(scopes: str) -> Found:
    try:
        if scopes.strip():
            read_scopes(scopes)
    except Invalid as error:
        return [(("metadata", "annotations", SCOPES), str(error))]
    return []


def _is_regex(pattern: str) -> bool:
    try:
        regex(pattern)
    except Invalid:
        return False
    return True


def _values(data: dict[str, Any]) -> tuple[dict[str, str], Found]:
    """The values as text by key; what stands in stringData wins, as in Kubernetes."""
    problems: Found = []
    values: dict[str, str] = {}
    for part in ("data", "stringData"):
        entries = data.get(part) or {}
        if not isinstance(entries, dict):
            problems.append(((part,), "is no mapping, expected keys with values, write 'key: value' lines"))
            continue
        for key, value in entries.items():
            if value is None:
                value = ""
            text = _decoded(value) if part == "data" else value
            if isinstance(text, str):
                values[key] = text
            else:
                problems.append(((part, key), _WANTED[part]))
    return values, problems


_WANTED = {
    "data": "is not base64 of UTF-8 text, expected that, encode it or move it to stringData",
    "stringData": "is no string, expected one, put it in quotes",
}


def _decoded(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _place(key: str, data: dict[str, Any]) -> Path:
    string_data = data.get("stringData")
    return ("stringData" if isinstance(string_data, dict) and key in string_data else "data", key)
