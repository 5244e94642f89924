"""Label and field selectors as query parameters of a list or watch."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from deployments.sandbox.kubernetes_errors import StatusError

Accepts = Callable[[Mapping[str, Any]], bool]
"""Says whether an object, or a mapping of labels, is meant."""

KEY = r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?"
VALUE = r"[A-Za-z0-9_.-]*"
EQUALITY = re.compile(rf"({KEY})\s*(=|==|!=)\s*({VALUE})")
SET = re.compile(rf"({KEY})\s+(in|notin)\s+\(([^()]*)\)")
EXISTENCE = re.compile(rf"(!?)\s*({KEY})")
FIELDS = ("metadata.name", "metadata.namespace")


def label_selector(text: str) -> Accepts:
    """Read `a=b,c!=d,e in (x,y),f notin (z),g,!h`; `BadRequest` for anything else."""
    terms = [_term(part.strip()) for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    return lambda item: all(term(item["metadata"].get("labels") or {}) for term in terms)


def field_selector(text: str) -> Accepts:
    """Read `metadata.name=x,metadata.namespace!=y`; `BadRequest` for other fields."""
    terms = [_field(part.strip()) for part in text.split(",") if part.strip()]
    return lambda item: all(term(item["metadata"]) for term in terms)


def _term(text: str) -> Accepts:
    if match := SET.fullmatch(text):
        key, operator, listed = match.groups()
        return _among(key, {value.strip() for value in listed.split(",")}, operator == "in")
    if match := EQUALITY.fullmatch(text):
        key, operator, value = match.groups()
        return _among(key, {value}, operator != "!=")
    if match := EXISTENCE.fullmatch(text):
        absent, key = match.groups()
        return lambda labels: (key in labels) != bool(absent)
    raise StatusError("BadRequest", f"unable to parse the label selector {text!r}")


def _among(key: str, values: set[str], wanted: bool) -> Accepts:
    """Compare one label; an absent label is in no set."""
    return lambda labels: (labels.get(key) in values) == wanted


def _field(text: str) -> Accepts:
    match = re.fullmatch(r"([a-z.]+)(=|==|!=)(.*)", text)
    if match is None or match[1] not in FIELDS:
        raise StatusError("BadRequest", f"field selector {text!r} is not supported: use {' or '.join(FIELDS)}")
    return _among(match[1].removeprefix("metadata."), {match[3]}, match[2] != "!=")
