"""Subscriptions of further kinds (Kargo: generic subscriptions): what a kind is, what it may ask for, what it returns.

A kind is an object, mostly a module, with `Config`, a Pydantic model of what a Warehouse writes under `config`, and
`async def discover(config, *, …)`, which returns the artifacts there are, best first. It is given what its
parameters name, and nothing else: see `flows.warehouse.given`.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from blocks.errors import Invalid
from flows.plugin.parameters import asked_for, made
from flows.warehouse.model import FurtherSubscription

Json = dict[str, Any]

GIVEN = ("http", "credentials", "cache", "previous", "hint", "limit", "name", "now", "thorough")
"""The parameters `discover` may have beside the config."""

LONGEST = 256
"""Characters of a version or of an artifact type."""

MOST_METADATA = 8 * 1024
"""Bytes of one artifact's metadata, as JSON."""


MOST_RETURNED = 10_000
"""Artifacts of one answer that are looked at."""


@dataclass(frozen=True)
class Artifact:
    """One version of something. `metadata` is JSON that expressions read; `artifact_type` is the kind when empty."""

    version: str
    metadata: Json = field(default_factory=dict)
    artifact_type: str = ""


Discover = Callable[..., Awaitable[Sequence[Artifact]]]


@dataclass(frozen=True)
class FurtherKind:
    """One kind as it was loaded. `origin` says for sentences where it comes from; `needs` names parameters."""

    name: str
    config: type[BaseModel]
    discover: Discover
    needs: frozenset[str]
    origin: str


def further_kind(name: str, found: Any, origin: str) -> FurtherKind:
    """Check that an object is a kind; a class is one by its instances. Raises Invalid with what it lacks."""
    found = made(found, origin)
    config, discover = getattr(found, "Config", None), getattr(found, "discover", None)
    if not (inspect.isclass(config) and issubclass(config, BaseModel)):
        raise Invalid(f"{origin} has no Config that is a Pydantic model")
    if not inspect.iscoroutinefunction(discover):
        raise Invalid(f"{origin} has no 'async def discover(config, *, …)'")
    return FurtherKind(name, config, discover, asked_for(discover, GIVEN, "discover", origin), origin)


def read_config(kind: FurtherKind, subscription: FurtherSubscription) -> BaseModel:
    """Read the config of a subscription of this kind. Raises pydantic's ValidationError."""
    return kind.config.model_validate_json(json.dumps(subscription.config or {}))


def unreadable(kind: FurtherKind, error: ValidationError) -> Invalid:
    """Word the first thing wrong in a config, without quoting what stands there."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, ("config", *first["loc"])))
    return Invalid(f"its {place} cannot be read by {kind.origin}: {first['msg']}; correct it and apply it again")


def references(kind: FurtherKind, name: str, limit: int, found: Any) -> list[Json]:
    """Return what `discover` returned in Kargo's shape (`ArtifactReference`), each version once, at most `limit`.

    Raises Invalid when any of it is no artifact, so that no part of an answer that cannot be right is taken.
    """
    if not isinstance(found, list | tuple):
        raise Invalid(f"{kind.origin} returned {_article(found)}, not a list of Artifact; report it to its authors")
    kept: dict[tuple[str, str], Json] = {}
    for each in found[:MOST_RETURNED]:
        if len(kept) == limit:
            break
        reference = _reference(kind, name, each)
        kept.setdefault((reference["artifactType"], reference["version"]), reference)
    return list(kept.values())


def _reference(kind: FurtherKind, name: str, found: Any) -> Json:
    if not isinstance(found, Artifact):
        raise Invalid(f"{kind.origin} returned {_article(found)} as an artifact; report it to its authors")
    made_of = found.artifact_type or kind.name
    for what, text in (("version", found.version), ("artifact type", made_of)):
        if not (isinstance(text, str) and text.isprintable() and 0 < len(text) <= LONGEST):
            raise Invalid(
                f"{kind.origin} returned a {what} that is no text of 1 to {LONGEST} printable characters; "
                "report it to its authors"
            )
    reference = {"artifactType": made_of, "subscriptionName": name, "version": found.version}
    return {**reference, **({"metadata": metadata} if (metadata := _metadata(kind, found)) else {})}


def _metadata(kind: FurtherKind, found: Artifact) -> Json:
    """The metadata as it comes back from JSON, so that nothing else is ever kept."""
    try:
        text = json.dumps(found.metadata, allow_nan=False, ensure_ascii=False)
        size, read = len(text.encode()), json.loads(text)
    except (TypeError, ValueError, RecursionError):
        size, read = 0, None
    if not isinstance(read, dict) or "\\u0000" in text:
        raise Invalid(f"{kind.origin} returned metadata of {found.version} that is no JSON object")
    if size > MOST_METADATA:
        raise Invalid(
            f"{kind.origin} returned {size} bytes of metadata for {found.version}, the most is {MOST_METADATA}"
        )
    return read


def _article(found: Any) -> str:
    return "nothing" if found is None else f"a value of type {type(found).__name__}"
