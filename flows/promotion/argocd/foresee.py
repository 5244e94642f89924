"""What `argocd-update` would change in Applications, in Markdown; only reading from the cluster."""

import difflib
from typing import Any

from flows.promotion.argocd.selection import label
from flows.promotion.argocd.update import Sync, UpdateDecision

Json = dict[str, Any]


def described(decision: UpdateDecision) -> tuple[str, str]:
    """Tell a decision that is not carried out: sentences, and the changes of the specs as a unified difference."""
    revisions = {(each["namespace"], each["name"]): each["desiredRevisions"] for each in decision.health_checks}
    told = [_told(sync, revisions) for sync in decision.syncs]
    started = tuple(label(sync.application) for sync in decision.syncs)
    told += [sentence for sentence in decision.waiting_for if not sentence.startswith(started or "\0")]
    diff = "\n".join(filter(None, map(_difference, decision.syncs)))
    return "\n".join(told), diff


def _told(sync: Sync, revisions: dict[tuple[str, str], list[str]]) -> str:
    metadata = sync.application["metadata"]
    wanted = [each for each in revisions.get((metadata["namespace"], metadata["name"]), []) if each]
    return f"would sync {label(sync.application)}" + (f" to {', '.join(wanted)}" if wanted else "")


def _difference(sync: Sync) -> str:
    """The sources before and after, line by line."""
    metadata, spec = sync.application["metadata"], sync.application["spec"]
    name, after = f"{metadata['namespace']}/{metadata['name']}", spec | sync.patch.get("spec", {})
    lines = difflib.unified_diff(_lines(spec), _lines(after), f"a/{name}", f"b/{name}", lineterm="", n=2)
    return "\n".join(lines)


def _lines(spec: Json) -> list[str]:
    """A spec's sources, one value a line: `source.helm.parameters[0].value: "1.2"`."""
    return [line for key in ("source", "sources") if key in spec for line in _flat(key, spec[key])]


def _flat(path: str, value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, each in value.items() for line in _flat(f"{path}.{key}", each)]
    if isinstance(value, list) and value:
        return [line for index, each in enumerate(value) for line in _flat(f"{path}[{index}]", each)]
    return [f"{path}: {value}"]
