"""An OCI distribution registry under `/v2/`: push, pull, list with pages, delete."""

import re
from asyncio import to_thread
from pathlib import Path
from urllib.parse import urlencode

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.sandbox.basic_auth import Users, admits
from deployments.sandbox.images import push_image
from deployments.sandbox.registry_errors import RegistryError
from deployments.sandbox.registry_store import NAME, RegistryStore
from deployments.sandbox.registry_uploading import Uploading
from deployments.sandbox.registry_uploads import Uploads
from deployments.sandbox.request_body import read_bytes

__all__ = ["Registry", "push_image"]

PAGE_LIMIT = 1000
"""Tags on one page, whatever a client asks for."""


class Registry:
    """The endpoints of the specification over one folder, for these users only when there are any."""

    def __init__(self, root: Path, users: Users) -> None:
        """Serve what is under `root`."""
        self.store = RegistryStore(root)
        self.users = users
        self.uploading = Uploading(self.store, Uploads(root / "uploads"))

    def routes(self) -> list[Route]:
        """List the routes; the first that fits answers."""
        up, repository = self.uploading, "/v2/{name:path}"
        table = [
            ("GET", "/v2/", self.base),
            ("GET", "/v2", self.base),
            ("GET", "/v2/_catalog", self.catalog),
            ("GET", f"{repository}/tags/list", self.tags),
            ("POST", f"{repository}/blobs/uploads/", up.start),
            ("POST", f"{repository}/blobs/uploads", up.start),
            ("GET", f"{repository}/blobs/uploads/{{session}}", up.status),
            ("PATCH", f"{repository}/blobs/uploads/{{session}}", up.add),
            ("PUT", f"{repository}/blobs/uploads/{{session}}", up.finish),
            ("DELETE", f"{repository}/blobs/uploads/{{session}}", up.cancel),
            ("GET", f"{repository}/blobs/{{digest}}", self.blob),
            ("DELETE", f"{repository}/blobs/{{digest}}", self.delete_blob),
            ("GET", f"{repository}/manifests/{{reference}}", self.manifest),
            ("PUT", f"{repository}/manifests/{{reference}}", self.put_manifest),
            ("DELETE", f"{repository}/manifests/{{reference}}", self.delete_manifest),
            ("GET", "/v2/{rest:path}", self.unsupported),
        ]
        guard = [Middleware(Guard, users=self.users)]
        return [Route(path, endpoint, methods=[method], middleware=guard) for method, path, endpoint in table]

    async def base(self, request: Request) -> Response:
        """Say that this is a registry."""
        return JSONResponse({})

    async def catalog(self, request: Request) -> Response:
        """List the repositories."""
        return JSONResponse({"repositories": await to_thread(self.store.names)})

    async def tags(self, request: Request) -> Response:
        """List tags after `last`, at most `n`, with a `Link` to the next page when there is one."""
        name, query = request.path_params["name"], request.query_params
        wanted = query.get("n", str(PAGE_LIMIT))
        if not wanted.isdigit():
            raise RegistryError("UNSUPPORTED", f"n must be a number, not {wanted!r}")
        size = min(int(wanted), PAGE_LIMIT)
        rest = [tag for tag in await to_thread(self.store.tags, name) if tag > query.get("last", "")]
        page, headers = rest[:size], {}
        if page and len(rest) > size:
            headers["link"] = f'</v2/{name}/tags/list?{urlencode({"n": size, "last": page[-1]})}>; rel="next"'
        return JSONResponse({"name": name, "tags": page}, headers=headers)

    async def blob(self, request: Request) -> Response:
        """Serve a blob, or a range of it."""
        name, digest = request.path_params["name"], request.path_params["digest"]
        file = await to_thread(self.store.blob, name, digest)
        headers = {"docker-content-digest": digest}
        return FileResponse(file, headers=headers, media_type="application/octet-stream")

    async def delete_blob(self, request: Request) -> Response:
        """Take a blob from the repository."""
        await to_thread(self.store.delete_blob, request.path_params["name"], request.path_params["digest"])
        return Response(status_code=202)

    async def manifest(self, request: Request) -> Response:
        """Serve a manifest by tag or digest."""
        name, reference = request.path_params["name"], request.path_params["reference"]
        digest, media_type, content = await to_thread(self.store.manifest, name, reference)
        return Response(content, headers={"docker-content-digest": digest, "content-type": media_type})

    async def put_manifest(self, request: Request) -> Response:
        """Store a manifest under its digest, and under a tag when the path names one."""
        name, reference = request.path_params["name"], request.path_params["reference"]
        media_type = request.headers.get("content-type", "application/vnd.oci.image.manifest.v1+json")
        content = await read_bytes(request)
        digest = await to_thread(self.store.put_manifest, name, reference, media_type, content)
        headers = {"location": f"/v2/{name}/manifests/{digest}", "docker-content-digest": digest}
        return Response(status_code=201, headers=headers)

    async def delete_manifest(self, request: Request) -> Response:
        """Delete a tag, or by digest a manifest."""
        await to_thread(self.store.delete_manifest, request.path_params["name"], request.path_params["reference"])
        return Response(status_code=202)

    async def unsupported(self, request: Request) -> Response:
        """Refuse what this registry does not offer, so that clients fall back."""
        raise RegistryError("NAME_UNKNOWN", "the sandbox's registry has no such endpoint")


class Guard:
    """Asks who it is and whether the repository's name can be one, before any endpoint."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        """Guard `app`."""
        self.app = app
        self.users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not admits(authorization, self.users):
            raise RegistryError("UNAUTHORIZED", "user name and password, please")
        name = scope["path_params"].get("name", "sandbox")
        if not re.fullmatch(NAME, name):
            raise RegistryError("NAME_INVALID", f"{name!r} cannot be a repository's name")
        await self.app(scope, receive, send)
