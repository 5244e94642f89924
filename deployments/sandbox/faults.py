"""A world that is slow, flaky or wrong on request, and counts what it was asked."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.sandbox.request_body import read_object

CONTROL = "/sandbox"
"""Paths below are neither disturbed nor counted."""

COUNTED = 10_000
"""Different paths counted; all further ones together as `other`."""


class Fault(BaseModel):
    """One disturbance of the requests whose path fits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = Field(default="/", description="Start of the path, or with a leading '^' a regular expression.")
    method: str = Field(default="", description="HTTP method; empty means every one.")
    query: str = Field(default="", description="What the query must hold, such as watch=true; empty means any.")
    kind: Literal["delay", "status", "garbage", "drop", "rate_limit", "truncate"] = Field(description="What happens.")
    status: int = Field(default=503, ge=400, le=599, description="For kind status: the HTTP status.")
    retry_after: float | None = Field(default=None, ge=0, description="Seconds in Retry-After; none sends none.")
    seconds: float = Field(default=1.0, ge=0, le=300, description="For kind delay: how long.")
    times: int | None = Field(default=None, ge=1, description="Requests disturbed; none means all until cleared.")

    @field_validator("match")
    @classmethod
    def _readable(cls, match: str) -> str:
        if match.startswith("^"):
            re.compile(match)
        return match

    def fits(self, method: str, path: str, query: str = "") -> bool:
        """Say whether a request is meant."""
        if (self.method and self.method.upper() != method) or self.query not in query:
            return False
        return re.search(self.match, path) is not None if self.match.startswith("^") else path.startswith(self.match)


class Faults:
    """The faults in force and the requests so far."""

    def __init__(self) -> None:
        """Start undisturbed."""
        self.requests: Counter[str] = Counter()
        self._faults: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Disturb from now on; the oldest fault that fits a request acts."""
        self._faults.append((fault, fault.times))

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    def take(self, method: str, path: str, query: str = "") -> Fault | None:
        """Count a request and find the fault that disturbs it, using up one of its times."""
        self.requests[path if path in self.requests or len(self.requests) < COUNTED else "other"] += 1
        for place, (fault, left) in enumerate(self._faults):
            if fault.fits(method, path, query):
                if left is not None:
                    self._faults[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def routes(self) -> list[Route]:
        """List the routes that control it."""
        return [
            Route(f"{CONTROL}/faults", self._add, methods=["POST"]),
            Route(f"{CONTROL}/faults", self._clear, methods=["DELETE"]),
            Route(f"{CONTROL}/requests", self._count, methods=["GET"]),
            Route(f"{CONTROL}/requests", self._forget, methods=["DELETE"]),
        ]

    async def _add(self, request: Request) -> Response:
        try:
            fault = Fault.model_validate(await read_object(request))
        except (ValidationError, re.error) as error:
            raise HTTPException(400, f"this is no fault: {error}") from None
        self.add(fault)
        return JSONResponse(fault.model_dump(), 201)

    async def _clear(self, request: Request) -> Response:
        self.clear()
        return Response(status_code=204)

    async def _count(self, request: Request) -> Response:
        prefix = request.query_params.get("prefix", "/")
        paths = {path: count for path, count in sorted(self.requests.items()) if path.startswith(prefix)}
        return JSONResponse({"prefix": prefix, "count": sum(paths.values()), "paths": paths})

    async def _forget(self, request: Request) -> Response:
        self.requests.clear()
        return Response(status_code=204)


class FaultMiddleware:
    """Counts and disturbs every request but those that control the sandbox."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        """Stand before `app`."""
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or do as its fault says."""
        path = scope["path"]
        ours = scope["type"] == "http" and path != CONTROL and not path.startswith(f"{CONTROL}/")
        query = scope.get("query_string", b"").decode("latin-1")
        fault = self.faults.take(scope["method"], path, query) if ours else None
        if fault is None:
            return await self.app(scope, receive, send)
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            return await self.app(scope, receive, send)
        if fault.kind == "truncate":
            return await self.app(scope, receive, _truncated(scope, send))
        if fault.kind == "drop":
            return await _drop(scope["sandbox.drop"])
        return await _answer(fault)(scope, receive, send)


async def _drop(abort: Callable[[], None]) -> None:
    """Cut the connection before any answer; the pauses let the server notice."""
    abort()
    await asyncio.sleep(0.01)


def _truncated(scope: Scope, send: Send) -> Send:
    """Send the first half of an answer's body, or of its first part, and cut the connection."""

    async def half(message: Message) -> None:
        body = message.get("body")
        await send({**message, "body": body[: len(body) // 2], "more_body": True} if body else message)
        if body:
            await asyncio.sleep(0.01)
            await _drop(scope["sandbox.drop"])

    return half


def _answer(fault: Fault) -> Response:
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    if fault.kind == "garbage":
        return Response(b"<html>\x00\xff{not what you asked for", 200, headers, "text/html")
    status = 429 if fault.kind == "rate_limit" else fault.status
    return Response(json.dumps({"error": f"fault asked for: {fault.kind}"}), status, headers, "application/json")
