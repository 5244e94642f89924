"""The routes that push a blob: POST opens a session, PATCH adds to it, PUT closes it with the digest."""

from asyncio import to_thread

from starlette.requests import Request
from starlette.responses import Response

from deployments.sandbox.registry_store import RegistryStore
from deployments.sandbox.registry_uploads import Uploads


class Uploading:
    """Answers for `/v2/<name>/blobs/uploads/...`."""

    def __init__(self, store: RegistryStore, uploads: Uploads) -> None:
        """Take blobs into this store."""
        self.store = store
        self.uploads = uploads

    async def start(self, request: Request) -> Response:
        """Open a session; with `mount` and `from` or with `digest` the blob is there at once."""
        name, query = request.path_params["name"], request.query_params
        mount, origin = query.get("mount", ""), query.get("from", "")
        mounted = bool(mount and origin) and await to_thread(self.store.mount_blob, name, mount, origin)
        if mounted:
            return _created(name, mount)
        session = await to_thread(self.uploads.start)
        if "digest" in query:
            return await self._finish(request, session)
        return await self._progress(name, session, 202)

    async def status(self, request: Request) -> Response:
        """Say how much has arrived."""
        return await self._progress(request.path_params["name"], request.path_params["session"], 204)

    async def add(self, request: Request) -> Response:
        """Add one chunk, which must continue where the last one ended."""
        session = request.path_params["session"]
        await to_thread(self.uploads.check_range, session, request.headers.get("content-range", ""))
        await self._receive(request, session)
        return await self._progress(request.path_params["name"], session, 202)

    async def finish(self, request: Request) -> Response:
        """Add the last chunk, if any, and close the session with `digest`."""
        session = request.path_params["session"]
        await to_thread(self.uploads.check_range, session, request.headers.get("content-range", ""))
        return await self._finish(request, session)

    async def cancel(self, request: Request) -> Response:
        """Forget the session."""
        await to_thread(self.uploads.cancel, request.path_params["session"])
        return Response(status_code=204)

    async def _finish(self, request: Request, session: str) -> Response:
        await self._receive(request, session)
        name, digest = request.path_params["name"], request.query_params.get("digest", "")
        file = await to_thread(self.uploads.file, session)
        await to_thread(self.store.add_blob, name, file, digest)
        return _created(name, digest)

    async def _receive(self, request: Request, session: str) -> None:
        await to_thread(self.uploads.file, session)
        async for chunk in request.stream():
            if chunk:
                await to_thread(self.uploads.append, session, chunk)

    async def _progress(self, name: str, session: str, status: int) -> Response:
        size = await to_thread(self.uploads.size, session)
        headers = {
            "location": f"/v2/{name}/blobs/uploads/{session}",
            "docker-upload-uuid": session,
            "range": f"0-{max(0, size - 1)}",
        }
        return Response(status_code=status, headers=headers)


def _created(name: str, digest: str) -> Response:
    headers = {"location": f"/v2/{name}/blobs/{digest}", "docker-content-digest": digest}
    return Response(status_code=201, headers=headers)
