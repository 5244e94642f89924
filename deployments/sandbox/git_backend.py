"""`git http-backend` as CGI: the request streams into it, its answer streams out, nothing is kept in memory."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from deployments.sandbox.git_command import end, environment

CHUNK = 64 * 1024
TIMEOUT = 300.0
"""Seconds for one whole clone or push."""


async def serve(scope: Scope, receive: Receive, send: Send, variables: Mapping[str, str], root: Path) -> None:
    """Answer one request of Git's smart HTTP protocol; the process never outlives the request."""
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        env=environment(root) | dict(variables),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    feeding = asyncio.create_task(_feed(Request(scope, receive), process))
    try:
        async with asyncio.timeout(TIMEOUT):
            await _answer(process.stdout, send)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await end(process)


def variables(scope: Scope, path: str, root: Path, user: str | None) -> dict[str, str]:
    """Say in CGI's words what the request is; `REMOTE_USER` only for somebody who proved who they are."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    found = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REQUEST_METHOD": scope["method"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "PATH_INFO": path,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_ADDR": (scope.get("client") or ("127.0.0.1", 0))[0],
    }
    optional = {
        "REMOTE_USER": user,
        "CONTENT_TYPE": headers.get("content-type"),
        "CONTENT_LENGTH": headers.get("content-length"),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding"),
        "GIT_PROTOCOL": headers.get("git-protocol"),
    }
    return found | {name: value for name, value in optional.items() if value}


async def _feed(request: Request, process: asyncio.subprocess.Process) -> None:
    """Pass the body on; a client that leaves takes the process with it."""
    assert process.stdin
    try:
        async for chunk in request.stream():
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.close()
    except ConnectionError:
        return  # git has heard enough; what it answers says why
    except ClientDisconnect:
        await end(process)


async def _answer(output: asyncio.StreamReader, send: Send) -> None:
    try:
        head = await output.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = b"Status: 502 git http-backend gave no answer\r\n\r\n"
    status, headers = _parsed(head)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while chunk := await output.read(CHUNK):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _parsed(head: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Split CGI's header lines into a status, 200 when it names none, and the others."""
    lines = [line.partition(b":") for line in head.split(b"\r\n") if line]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    status = next((value for name, value in headers if name == b"status"), b"200")
    return int(status.split()[0]), [(name, value) for name, value in headers if name != b"status"]
