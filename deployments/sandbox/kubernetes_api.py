"""The part of the Kubernetes API that Argo CD Applications need: discovery, CRUD, patch, list, watch."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments.sandbox.kubernetes_access import TokenGuard
from deployments.sandbox.kubernetes_discovery import DOCUMENTS, kubeconfig
from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import Object
from deployments.sandbox.kubernetes_pages import page
from deployments.sandbox.kubernetes_patch import patched
from deployments.sandbox.kubernetes_selectors import Accepts, field_selector, label_selector
from deployments.sandbox.kubernetes_store import ObjectStore
from deployments.sandbox.kubernetes_watch import TIMEOUT_LIMIT, watch
from deployments.sandbox.request_body import read_bytes

__all__ = ["KubernetesApi", "kubeconfig"]

ALL = "/apis/argoproj.io/v1alpha1/applications"
MANY = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
ONE = MANY + "/{name}"


class KubernetesApi:
    """The endpoints over one store."""

    def __init__(self, store: ObjectStore, token: str | None) -> None:
        """Serve `store`, to whoever brings `token` when there is one."""
        self.store = store
        self.token = token

    def routes(self) -> list[Route]:
        """List the routes; the first that fits answers."""
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            *(("GET", path + slash, _document) for path in DOCUMENTS for slash in ("", "/")),
            ("GET", ALL, self.list_or_watch),
            ("GET", MANY, self.list_or_watch),
            ("POST", MANY, self.create),
            ("GET", ONE, self.read),
            ("PUT", ONE, self.replace),
            ("PATCH", ONE, self.patch),
            ("DELETE", ONE, self.delete),
        ]
        guard = [Middleware(TokenGuard, token=self.token)]
        known = [Route(path, endpoint, methods=[method], middleware=guard) for method, path, endpoint in table]
        rest = [Route(f"/{root}/{{rest:path}}", _unknown, middleware=guard) for root in ("api", "apis", "openapi")]
        return known + rest

    async def list_or_watch(self, request: Request) -> Response:
        """List Applications in pages, or stream what happens to them."""
        query, namespace = request.query_params, request.path_params.get("namespace")
        accepts = _accepts(request, namespace)
        if query.get("watch", "").lower() in ("true", "1"):
            since = query.get("resourceVersion", "")
            timeout = _number(query.get("timeoutSeconds") or str(TIMEOUT_LIMIT), "timeoutSeconds")
            _number(since or "0", "resourceVersion")
            bookmarks = query.get("allowWatchBookmarks", "").lower() in ("true", "1")
            events = watch(self.store, since, accepts, timeout, bookmarks=bookmarks)
            return StreamingResponse(events, media_type="application/json")
        items = [item for item in self.store.items(namespace) if accepts(item)]
        limit, token = query.get("limit", ""), query.get("continue", "")
        return JSONResponse(page(items, self.store.version, self.store.oldest, limit, token))

    async def create(self, request: Request) -> Response:
        """Create an Application."""
        item = await _object(request)
        return JSONResponse(self.store.create(request.path_params["namespace"], item, datetime.now(UTC)), 201)

    async def read(self, request: Request) -> Response:
        """Read one Application."""
        return JSONResponse(self.store.get(**request.path_params))

    async def replace(self, request: Request) -> Response:
        """Replace an Application; the object must say which resourceVersion it replaces."""
        item, name = await _object(request), request.path_params["name"]
        if not item.get("metadata", {}).get("resourceVersion"):
            self.store.get(**request.path_params)
            raise StatusError("Invalid", "metadata.resourceVersion: must be specified for an update", name)
        return JSONResponse(self.store.replace(**request.path_params, item=item))

    async def patch(self, request: Request) -> Response:
        """Patch an Application; a resourceVersion in the patch must be the current one."""
        change = await _json(request)
        old = self.store.get(**request.path_params)
        new = patched(old, change, request.headers.get("content-type", ""))
        return JSONResponse(self.store.replace(**request.path_params, item=new))

    async def delete(self, request: Request) -> Response:
        """Delete an Application, or begin to while finalizers hold it."""
        gone = self.store.delete(**request.path_params, now=datetime.now(UTC))
        if gone["metadata"].get("finalizers"):
            return JSONResponse(gone)
        details = {"name": gone["metadata"]["name"], "group": "argoproj.io", "kind": "applications"}
        return JSONResponse(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details | {"uid": gone["metadata"]["uid"]},
            }
        )


async def _document(request: Request) -> Response:
    return JSONResponse(DOCUMENTS[request.url.path.rstrip("/")])


async def _unknown(request: Request) -> Response:
    raise StatusError("NotFound", "the server could not find the requested resource")


def _accepts(request: Request, namespace: str | None) -> Accepts:
    labels = label_selector(request.query_params.get("labelSelector", ""))
    fields = field_selector(request.query_params.get("fieldSelector", ""))
    return lambda item: namespace in (None, item["metadata"]["namespace"]) and labels(item) and fields(item)


def _number(text: str, what: str) -> float:
    if not text.replace(".", "", 1).isdigit():
        raise StatusError("BadRequest", f"{what} must be a number, not {text!r}")
    return float(text)


async def _json(request: Request) -> Any:
    if "dryRun" in request.query_params:
        raise StatusError("BadRequest", "the sandbox does no dry runs")
    try:
        return json.loads(await read_bytes(request))
    except ValueError as error:
        raise StatusError("BadRequest", f"the body is not JSON: {error}") from None
    except HTTPException as error:
        raise StatusError("RequestEntityTooLarge", error.detail) from None


async def _object(request: Request) -> Object:
    item = await _json(request)
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        raise StatusError("BadRequest", "the body is no Kubernetes object: it must have metadata")
    return item
