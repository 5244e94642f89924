"""The part of Argo CD's own REST API that promotions need: list, get, refresh, patch, sync, terminate, stream.

As with the real one an Application that is not there is forbidden to look at, a patch changes only spec, labels and
annotations, and a stream ends without a word and begins with all there is.
"""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments.sandbox.argocd_cluster import Cluster
from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import Object
from deployments.sandbox.kubernetes_patch import JSON, MERGE, patched
from deployments.sandbox.kubernetes_selectors import Accepts, label_selector
from deployments.sandbox.kubernetes_store import ObjectStore
from deployments.sandbox.kubernetes_watch import seen_as
from deployments.sandbox.request_body import read_object

NAMESPACE = "argocd"
REFRESH = "argocd.argoproj.io/refresh"
REFRESHED = 10.0
"""Seconds a refresh may take before its answer comes all the same."""

USER = "drayage"
"""The account the token is of."""

CODES = {400: 9, 401: 16, 403: 7, 404: 5, 409: 10}
"""gRPC's codes by the HTTP statuses they become."""


class ApiError(Exception):
    """One refusal, as grpc-gateway words it."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status and the sentence."""
        super().__init__(message)
        self.status = status


async def answer(request: Request, error: Exception) -> Response:
    """Turn a refusal into HTTP."""
    assert isinstance(error, ApiError)
    body = {"error": str(error), "code": CODES[error.status], "message": str(error)}
    return JSONResponse(body, error.status)


class ArgoCDServer:
    """The endpoints over one store, for whoever brings `token` when there is one."""

    def __init__(self, store: ObjectStore, cluster: Cluster, token: str | None) -> None:
        """Serve `store`."""
        self.store, self.cluster, self.token = store, cluster, token

    def routes(self) -> list[Route]:
        """List the routes, to be asked before those of Kubernetes."""
        one = "/api/v1/applications/{name}"
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/api/v1/applications", self.list),
            ("GET", one, self.get),
            ("PATCH", one, self.patch),
            ("POST", one + "/sync", self.sync),
            ("DELETE", one + "/operation", self.terminate),
            ("GET", "/api/v1/stream/applications", self.stream),
        ]
        return [Route(path, self._guarded(endpoint), methods=[method]) for method, path, endpoint in table]

    async def list(self, request: Request) -> Response:
        """List Applications, those of all namespaces unless one is named."""
        found = [item for item in self.store.items() if _accepts(request)(item)]
        return JSONResponse({"metadata": {"resourceVersion": str(self.store.version)}, "items": found})

    async def get(self, request: Request) -> Response:
        """Read one; with `refresh` the answer comes when Argo CD has looked again."""
        item = self._item(request, request.query_params.get("appNamespace", ""))
        if refresh := request.query_params.get("refresh"):
            await self._refresh(item, refresh)
            item = self._item(request, request.query_params.get("appNamespace", ""))
        return JSONResponse(item)

    async def patch(self, request: Request) -> Response:
        """Patch by `{patch, patchType}`, the patch a text; what is neither spec, labels nor annotations stays."""
        body = await read_object(request)
        item = self._item(request, str(body.get("appNamespace") or ""))
        kind = {"merge": MERGE, "json": JSON}.get(str(body.get("patchType") or "json"))
        if kind is None:
            raise ApiError(400, f"Patch type '{body.get('patchType')}' is not supported")
        try:
            new = patched(item, json.loads(str(body.get("patch") or "")), kind)
        except (ValueError, StatusError) as error:
            raise ApiError(400, f"error unmarshaling patch: {error}") from None
        metadata = item["metadata"] | {
            field: new["metadata"].get(field) or {} for field in ("labels", "annotations") if field in new["metadata"]
        }
        metadata.pop("resourceVersion", None)
        return JSONResponse(self._written(item, item | {"metadata": metadata, "spec": new["spec"]}))

    async def sync(self, request: Request) -> Response:
        """Ask for an operation; the account of the token is who did."""
        body = await read_object(request)
        item = self._item(request, str(body.get("appNamespace") or ""))
        if item.get("operation"):
            raise ApiError(400, "another operation is already in progress")
        if self.cluster.window_closed and not self.cluster.manual_allowed:
            raise ApiError(403, "cannot sync: blocked by sync window")
        wanted: dict[str, Any] = {
            key: body[key] for key in ("revision", "revisions", "prune", "dryRun") if body.get(key)
        }
        if options := (body.get("syncOptions") or {}).get("items"):
            wanted["syncOptions"] = options
        operation: dict[str, Any] = {"initiatedBy": {"username": USER}, "sync": wanted}
        operation |= {"info": body["infos"]} if body.get("infos") else {}
        operation |= {"retry": body["retryStrategy"]} if body.get("retryStrategy") else {}
        status = {key: value for key, value in (item.get("status") or {}).items() if key != "operationState"}
        return JSONResponse(self._written(item, item | {"operation": operation, "status": status}))

    async def terminate(self, request: Request) -> Response:
        """End the running operation."""
        item = self._item(request, request.query_params.get("appNamespace", ""))
        state = (item.get("status") or {}).get("operationState") or {}
        if not item.get("operation") or state.get("phase") != "Running":
            raise ApiError(400, "Unable to terminate operation. No operation is in progress")
        self._written(item, item | {"status": item["status"] | {"operationState": state | {"phase": "Terminating"}}})
        return JSONResponse({})

    async def stream(self, request: Request) -> Response:
        """Stream what happens, after all there is as ADDED unless a resourceVersion is given."""
        return StreamingResponse(self._events(request), media_type="application/json")

    async def _events(self, request: Request) -> AsyncIterator[bytes]:
        bell, version, accepts = self.store.bell, self.store.version, _accepts(request)
        heard = bell.rings
        if not request.query_params.get("resourceVersion"):
            for item in filter(accepts, self.store.items()):
                yield _line("ADDED", item)
        while not bell.closed and version >= self.store.oldest:
            for change in self.store.changes_after(version):
                version = change.version
                if kind := seen_as(change, accepts):
                    yield _line(kind, change.item)
            heard = await bell.wait(heard, 5.0)

    def _guarded(self, endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if self.token is not None and not given:
                raise ApiError(401, "no session information")
            if self.token is not None and not secrets.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise ApiError(401, "invalid session: signature is invalid")
            found: Response = await endpoint(request)
            return found

        return guarded

    def _item(self, request: Request, namespace: str) -> Object:
        try:
            return self.store.get(namespace or NAMESPACE, request.path_params["name"])
        except StatusError:
            raise ApiError(403, "permission denied") from None

    def _written(self, old: Object, new: Object) -> Object:
        try:
            return self.store.replace(old["metadata"]["namespace"], old["metadata"]["name"], new)
        except StatusError as error:
            raise ApiError(400, str(error)) from None

    async def _refresh(self, item: Object, kind: str) -> None:
        metadata = dict(item["metadata"])
        metadata.pop("resourceVersion", None)
        annotations = {**(metadata.get("annotations") or {}), REFRESH: kind}
        self._written(item, item | {"metadata": metadata | {"annotations": annotations}})
        until = datetime.now(UTC).timestamp() + REFRESHED
        while (left := until - datetime.now(UTC).timestamp()) > 0:
            heard = self.store.bell.rings
            now = self.store.get(metadata["namespace"], metadata["name"])
            if REFRESH not in (now["metadata"].get("annotations") or {}):
                return
            await self.store.bell.wait(heard, min(left, 1.0))


def _accepts(request: Request) -> Accepts:
    query = request.query_params
    labels, name, namespace = label_selector(query.get("selector", "")), query.get("name"), query.get("appNamespace")

    def accepts(item: Mapping[str, Any]) -> bool:
        metadata = item["metadata"]
        return name in (None, "", metadata["name"]) and namespace in (None, "", metadata["namespace"]) and labels(item)

    return accepts


def _line(kind: str, item: Object) -> bytes:
    return json.dumps({"result": {"type": kind, "application": item}}).encode() + b"\n"
