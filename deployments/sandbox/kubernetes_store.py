"""The Applications of the sandbox's cluster, with the history a watch needs.

Objects handed out are shared: copy one before changing it.
"""

import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from deployments.sandbox.bell import Bell
from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import Object, check, created, timestamp, updated

KEEP = 1000
"""Changes kept for watches; who asks for older ones gets 410 and lists again."""


@dataclass(frozen=True)
class Change:
    """One step of the history: what an object became, and what it was before."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    item: Object
    before: Object | None


class ObjectStore:
    """Applications by namespace and name."""

    def __init__(self, bell: Bell, state: Any = None) -> None:
        """Continue from a snapshot; its history is gone, as after a restart of the real server."""
        self.bell = bell
        self.version: int = (state or {}).get("resourceVersion", 1)
        self.oldest = self.version
        self._items: dict[tuple[str, str], Object] = {_key(item): item for item in (state or {}).get("items", [])}
        self._changes: deque[Change] = deque()

    def snapshot(self) -> Any:
        """Give the state to be saved."""
        return {"resourceVersion": self.version, "items": list(self._items.values())}

    def items(self, namespace: str | None = None) -> list[Object]:
        """List Applications, of all namespaces when none is named, sorted by namespace and name."""
        return [item for key, item in sorted(self._items.items()) if namespace in (None, key[0])]

    def get(self, namespace: str, name: str) -> Object:
        """Find one Application; `NotFound` when there is none."""
        try:
            return self._items[namespace, name]
        except KeyError:
            raise StatusError("NotFound", f'applications.argoproj.io "{name}" not found', name) from None

    def create(self, namespace: str, item: Object, now: datetime) -> Object:
        """Add an Application; `AlreadyExists` when the name is taken."""
        check(item, namespace)
        name = item["metadata"]["name"]
        if (namespace, name) in self._items:
            raise StatusError("AlreadyExists", f'applications.argoproj.io "{name}" already exists', name)
        return self._record("ADDED", created(item, namespace, str(uuid.uuid4()), now), None)

    def replace(self, namespace: str, name: str, item: Object) -> Object:
        """Write a changed Application; `Conflict` when its resourceVersion is not the current one.

        Without a resourceVersion the change applies to whatever is there. No change, no event. An object
        that is being deleted goes with its last finalizer.
        """
        old = self.get(namespace, name)
        check(item, namespace)
        if item["metadata"]["name"] != name:
            raise StatusError("BadRequest", f"the object's name does not match the request's, {name!r}", name)
        current = old["metadata"]["resourceVersion"]
        if item["metadata"].get("resourceVersion", current) != current:
            message = f'Operation cannot be fulfilled on "{name}": the object has been modified; read it again'
            raise StatusError("Conflict", message, name)
        new = updated(item, old)
        if new == old:
            return old
        leaving = "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers")
        return self._record("DELETED" if leaving else "MODIFIED", new, old)

    def delete(self, namespace: str, name: str, now: datetime) -> Object:
        """Delete an Application, or mark it while finalizers hold it, and return what it is then."""
        old = self.get(namespace, name)
        if not old["metadata"].get("finalizers"):
            return self._record("DELETED", old, old)
        if "deletionTimestamp" in old["metadata"]:
            return old
        marked = old | {"metadata": old["metadata"] | {"deletionTimestamp": timestamp(now)}}
        return self._record("MODIFIED", marked, old)

    def changes_after(self, version: int) -> list[Change]:
        """List what happened after a version; `Expired` when that is too old, or not from this history."""
        if not self.oldest <= version <= self.version:
            raise StatusError("Expired", f"too old resource version: {version} ({self.oldest})")
        return [change for change in self._changes if change.version > version]

    def _record(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], item: Object, before: Object | None) -> Object:
        self.version += 1
        new = item | {"metadata": item["metadata"] | {"resourceVersion": str(self.version)}}
        if kind == "DELETED":
            self._items.pop(_key(new))
        else:
            self._items[_key(new)] = new
        self._changes.append(Change(self.version, kind, new, before))
        if len(self._changes) > KEEP:
            self.oldest = self._changes.popleft().version
        self.bell.ring()
        return new


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]
