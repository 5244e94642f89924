"""What a person or a test tells the sandbox itself, under `/sandbox`."""

from asyncio import to_thread
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Invalid, NotFound
from deployments.sandbox.images import MANIFEST, build_image
from deployments.sandbox.releases import Release
from deployments.sandbox.request_body import read_object
from deployments.sandbox.world import World


class Control:
    """The endpoints over one world."""

    def __init__(self, world: World) -> None:
        """Control `world`."""
        self.world = world

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/sandbox", self.overview),
            Route("/sandbox/git/{name:path}", self.create_repository, methods=["POST"]),
            Route("/sandbox/images", self.create_image, methods=["POST"]),
            Route("/sandbox/images/bad", self.mark_bad, methods=["POST"]),
            Route("/sandbox/images/bad", self.mark_good, methods=["DELETE"]),
            Route("/sandbox/argocd/window", self.close_window, methods=["POST"]),
            Route("/sandbox/argocd/scale", self.scale, methods=["POST"]),
            Route("/sandbox/charts", self.create_chart, methods=["POST"]),
            Route("/sandbox/metrics", self.set_metric, methods=["POST"]),
            Route("/sandbox/releases", self.create_release, methods=["POST"]),
            Route("/sandbox/releases", self.delete_release, methods=["DELETE"]),
        ]

    async def overview(self, request: Request) -> Response:
        """Show repositories, images and Applications with their health."""
        return JSONResponse(await self.world.overview())

    async def create_repository(self, request: Request) -> Response:
        """Make a Git repository with `{files: {path: content}, branch}`; 200 and no change when it exists."""
        name, body = request.path_params["name"].removesuffix(".git"), await read_object(request)
        files = _strings(body, "files")
        try:
            made = await self.world.create_repository(name, files, str(body.get("branch", "main")))
        except (Invalid, NotFound) as error:
            raise HTTPException(400, str(error)) from None
        return JSONResponse({"name": name, "path": f"/git/{name}.git"}, 201 if made else 200)

    async def create_image(self, request: Request) -> Response:
        """Make an image without a push: `{repository, tag, labels, annotations}`, created now."""
        body = await read_object(request)
        repository, tag = _string(body, "repository"), _string(body, "tag")
        now, labels = datetime.now(UTC), _strings(body, "labels")
        image = build_image(f"{repository}:{tag}", now, labels, _strings(body, "annotations"))
        await to_thread(self.world.registry.store.put_image, repository, tag, MANIFEST, image)
        return JSONResponse({"repository": repository, "tag": tag, "digest": image.digest}, 201)

    async def create_chart(self, request: Request) -> Response:
        """Make a chart and list it: `{repository, name, version}`, created now."""
        body = await read_object(request)
        repository, name, version = (_string(body, field) for field in ("repository", "name", "version"))
        try:
            digest = await to_thread(self.world.charts.add, repository, name, version, datetime.now(UTC))
        except Invalid as error:
            raise HTTPException(400, str(error)) from None
        path = f"/charts/{repository}"
        return JSONResponse({"path": path, "name": name, "version": version, "digest": digest}, 201)

    async def mark_bad(self, request: Request) -> Response:
        """Let `{image}` never come up; the registry's host may be left out."""
        return await self._mark(request, bad=True)

    async def mark_good(self, request: Request) -> Response:
        """Let `{image}` come up again."""
        return await self._mark(request, bad=False)

    async def _mark(self, request: Request, *, bad: bool) -> Response:
        self.world.cluster.mark(_string(await read_object(request), "image"), bad)
        return JSONResponse({"badImages": sorted(self.world.cluster.bad_images)})

    async def close_window(self, request: Request) -> Response:
        """Let a sync window forbid all syncs with `{closed: true}`, with `manual` not those of people, or allow all."""
        body = await read_object(request)
        self.world.cluster.close_window(body.get("closed") is True, body.get("manual") is True)
        return JSONResponse({"windowClosed": self.world.cluster.window_closed})

    async def scale(self, request: Request) -> Response:
        """Scale a workload as an autoscaler does: `{application, name, replicas}`, with `namespace` if not `argocd`."""
        body = await read_object(request)
        namespace, replicas = str(body.get("namespace") or "argocd"), body.get("replicas")
        if not isinstance(replicas, int):
            raise HTTPException(400, "replicas is required, a number")
        found = self.world.applications.items(namespace)
        uid = next((one["metadata"]["uid"] for one in found if one["metadata"]["name"] == body.get("application")), "")
        if not self.world.cluster.scale(uid, _string(body, "name"), replicas, datetime.now(UTC).timestamp()):
            raise HTTPException(404, "there is no such workload")
        return Response(status_code=204)

    async def set_metric(self, request: Request) -> Response:
        """Set `{name, labels, value}`; a null value forgets the series."""
        body = await read_object(request)
        value = body.get("value")
        try:
            number = None if value is None else float(value)
        except (TypeError, ValueError):
            raise HTTPException(400, f"value must be a number, not {value!r}") from None
        self.world.metrics.set(_string(body, "name"), _strings(body, "labels"), number)
        self.world.bell.ring()
        return Response(status_code=204)

    async def create_release(self, request: Request) -> Response:
        """Publish a release, or change it: `{repository, tag, prerelease, assets: [{name, size}], …}`."""
        try:
            release = Release.model_validate(await read_object(request))
        except ValidationError as error:
            raise HTTPException(400, f"this is no release: {error}") from None
        made = self.world.code_host.releases.put(release, datetime.now(UTC))
        self.world.bell.ring()
        return JSONResponse(made, 201)

    async def delete_release(self, request: Request) -> Response:
        """Delete the release `{repository, tag}`; 404 when there is none."""
        body = await read_object(request)
        if not self.world.code_host.releases.delete(_string(body, "repository"), _string(body, "tag")):
            raise HTTPException(404, "there is no such release")
        self.world.bell.ring()
        return Response(status_code=204)


def _string(body: dict[str, Any], field: str) -> str:
    if not isinstance(body.get(field), str) or not body[field]:
        raise HTTPException(400, f"{field} is required, a string")
    return str(body[field])


def _strings(body: dict[str, Any], field: str) -> dict[str, str]:
    found = body.get(field) or {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise HTTPException(400, f"{field} must be an object of strings")
    return found
