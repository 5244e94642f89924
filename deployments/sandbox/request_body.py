"""Reading what a client sends, never more than a limit."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

LIMIT = 4 * 1024 * 1024
"""Bytes of one JSON document."""


async def read_bytes(request: Request, limit: int = LIMIT) -> bytes:
    """Read the body; HTTP 413 past `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(body)


async def read_object(request: Request) -> dict[str, Any]:
    """Read a JSON object, an empty body as an empty one; HTTP 400 for anything else."""
    try:
        value = json.loads(await read_bytes(request) or b"{}")
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value
