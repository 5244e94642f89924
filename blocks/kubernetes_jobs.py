"""Kubernetes Jobs: started once, looked at, their logs read, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blocks.applications.asking import Asking
from blocks.errors import Conflict, DrayageError, NotFound, Refused, Unauthorized

Json = dict[str, Any]

MARK = "drayage.dev/measurement"
RIGHTS = "let the connection's account create, get and delete jobs, list pods and get pods/log"

MOST_LOG = 256 * 1024
"""Bytes of a log that are read, from its end."""

STUCK = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
"""What a container waits for in vain until a person changes something (Argo Rollouts)."""

MOST_PODS = 20
LINES = 2_000


@dataclass(frozen=True)
class JobState:
    """How a Job stands: `finished` is None while it runs, else whether it completed; `message` as Kubernetes says."""

    finished: bool | None
    message: str = ""
    succeeded: int = 0
    failed: int = 0


class Jobs:
    """The Jobs of one namespace. Every call raises the leaf of `blocks.errors` that fits."""

    def __init__(self, asking: Asking, namespace: str) -> None:
        """Keep how to ask; nothing is sent yet."""
        self.asking = self._asking = asking
        self.namespace = namespace

    async def close(self) -> None:
        """Give back the connections."""
        await self._asking.close()

    async def start(self, name: str, metadata: Json, spec: Json, mark: str) -> JobState:
        """Start a Job, or find the one of that name that bears the same mark. Raises Refused for somebody else's."""
        labels = {**metadata.get("labels", {}), MARK: mark}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {**metadata, "labels": labels, "name": name, "namespace": self.namespace},
            "spec": spec,
        }
        try:
            made = await self._ask(f"start Job {self._where(name)}", "POST", self._jobs, json=body)
        except Conflict:
            made = await self._read(name)
            if made.get("metadata", {}).get("labels", {}).get(MARK) != mark:
                raise Refused(f"Job {self._where(name)} exists already and is another's: delete it") from None
        return state_of(made)

    async def look(self, name: str) -> JobState:
        """Return how a Job stands. Raises NotFound."""
        return state_of(await self._read(name))

    async def logs(self, name: str) -> str:
        """Return the end of the logs of a Job's pods, oldest first, each container under a line with its name."""
        try:
            pods = await self._pods(name)
        except DrayageError as error:  # a verdict without its logs is better than none
            return f"(no logs: {error})"
        found = []
        for pod in pods:
            for container in pod.get("spec", {}).get("containers") or []:
                title = f"{pod['metadata']['name']}/{container['name']}"
                found.append(f"--- {title}\n{await self._log(pod['metadata']['name'], container['name'])}")
        return "\n".join(found)[-MOST_LOG:]

    async def stuck(self, name: str) -> str:
        """Say why a pod of a Job cannot start, as Kubernetes does; empty when none is stuck, or nobody may know."""
        try:
            pods = await self._pods(name)
        except Unauthorized:
            return ""
        for pod in pods:
            status = pod.get("status") or {}
            for each in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
                waiting = (each.get("state") or {}).get("waiting") or {}
                if waiting.get("reason") in STUCK:
                    said = ": ".join(filter(None, (waiting["reason"], waiting.get("message"))))
                    return f"container {each.get('name')!r} of pod {pod['metadata']['name']!r} cannot start: {said}"
        return ""

    async def delete(self, name: str, mark: str) -> None:
        """Delete a Job that bears the mark, and its pods; one that is gone, or somebody else's, is fine."""
        options = {"propagationPolicy": "Background"}
        try:
            if (await self._read(name)).get("metadata", {}).get("labels", {}).get(MARK) != mark:
                return
            await self._ask(f"delete Job {self._where(name)}", "DELETE", f"{self._jobs}/{name}", params=options)
        except NotFound:
            return

    async def _pods(self, name: str) -> list[Json]:
        """The pods of a Job, oldest first."""
        pods = await self._ask(
            f"list the pods of Job {self._where(name)}",
            "GET",
            f"/api/v1/namespaces/{self.namespace}/pods",
            params={"labelSelector": f"job-name={name}", "limit": str(MOST_PODS)},
        )
        return sorted(pods.get("items") or [], key=lambda each: each["metadata"].get("creationTimestamp") or "")

    async def _log(self, pod: str, container: str) -> str:
        limits = {"container": container, "tailLines": str(LINES), "limitBytes": str(MOST_LOG)}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        try:
            return await self._asking.text(f"read the log of {pod}/{container}", path, limits)
        except DrayageError as error:  # a verdict without its log is better than none
            return f"(no log: {error})"

    async def _ask(self, what: str, method: str, path: str, **more: Any) -> Json:
        try:
            return await self._asking.ask(what, method, path, **more)
        except Unauthorized as error:
            raise Unauthorized(f"{_before(error)}: {RIGHTS} in namespace {self.namespace!r}") from None

    async def _read(self, name: str) -> Json:
        return await self._ask(f"look at Job {self._where(name)}", "GET", f"{self._jobs}/{name}")

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    def _where(self, name: str) -> str:
        return f"{self.namespace}/{name}"


def _before(error: DrayageError) -> str:
    """What was tried and came back, without the advice, which is for Applications."""
    return str(error).rpartition(":")[0]


def state_of(job: Mapping[str, Any]) -> JobState:
    """Read a Job's conditions: Complete and Failed are its only ends."""
    status = job.get("status") or {}
    counts = int(status.get("succeeded") or 0), int(status.get("failed") or 0)
    for condition in status.get("conditions") or []:
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            said = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
            return JobState(condition["type"] == "Complete", said, *counts)
    return JobState(None, "", *counts)
