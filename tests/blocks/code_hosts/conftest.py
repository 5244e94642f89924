"""A place for each kind of code host."""

from contextlib import AsyncExitStack

import pytest

from blocks.http_client import Limits
from blocks.web import Web
from deployments.sandbox.server import Sandbox
from tests.blocks.code_hosts.hosts import KINDS, TOKEN, USER, Place


@pytest.fixture(params=KINDS, ids=lambda kind: kind.make.__name__)
async def place(request, tmp_path):
    """A sandbox with one repository: `change` is one commit ahead of `main`."""
    async with Sandbox(tmp_path, users={USER: TOKEN}) as sandbox, AsyncExitStack() as stack:

        def web():
            opened = Web(allow_plain_http_credentials=True, limits=Limits(timeout=10, attempts=1, max_bytes=300_000))
            stack.push_async_callback(opened.aclose)
            return opened

        await sandbox.create_repository(request.param.name, {"a": "1\n", "b": "1\n"})
        made = Place(request.param, sandbox, web, None)
        made.host = made.reached()
        await made.commit("change", {"a": "2\n"}, "Change a")
        yield made
