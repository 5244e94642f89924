"""The sandbox as a process and as a context: starting, stopping, continuing."""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deployments.sandbox.registry import push_image
from deployments.sandbox.server import Sandbox
from tests.deployments.sandbox.conftest import DEPLOYMENT, application, eventually

PROJECT = Path(__file__).parents[3]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deployments.sandbox",
        *arguments,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_process_starts_answers_and_stops(tmp_path):
    """One line says when it answers; SIGTERM ends it with 0, though a watch is open."""
    process = await start("--root", str(tmp_path / "world"))
    try:
        began = time.monotonic()
        async with asyncio.timeout(10):
            line = (await process.stdout.readline()).decode()
        url = line.removeprefix("sandbox ready on ").strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/v2/")).status_code == 200
            path = "/apis/argoproj.io/v1alpha1/applications?watch=true"
            async with http.stream("GET", path) as watching:
                assert watching.status_code == 200
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(5):
                    output, errors = await process.communicate()
        assert (process.returncode, output, errors) == (0, b"", b"")
        assert time.monotonic() - began < 15
    finally:
        await end(process)


async def test_port_in_use_is_said_in_one_line(sandbox, tmp_path):
    """A second world on the same port does not start, and says why."""
    process = await start("--root", str(tmp_path / "second"), "--port", str(sandbox.port))
    try:
        async with asyncio.timeout(10):
            output, errors = await process.communicate()
    finally:
        await end(process)
    assert (process.returncode, output) == (1, b"")
    assert errors.decode().startswith("the sandbox cannot start: ")
    assert len(errors.decode().splitlines()) == 1


async def test_users_and_token_come_from_files(tmp_path):
    """Secrets are read from files, and asked for."""
    (tmp_path / "users.json").write_text(json.dumps({"ci": "s3cret"}))
    (tmp_path / "token").write_text("t0ken\n")
    arguments = ["--users", str(tmp_path / "users.json"), "--token", str(tmp_path / "token")]
    process = await start("--root", str(tmp_path / "world"), *arguments)
    try:
        async with asyncio.timeout(10):
            url = (await process.stdout.readline()).decode().split()[-1]
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            seen = [
                (await http.get("/v2/")).status_code,
                (await http.get("/v2/", auth=("ci", "s3cret"))).status_code,
                (await http.get("/version")).status_code,
                (await http.get("/version", headers={"authorization": "Bearer t0ken"})).status_code,
            ]
        assert seen == [401, 200, 403, 200]
    finally:
        await end(process)


async def test_restart_keeps_everything(tmp_path):
    """A world that was stopped continues: Applications, deployments, marks, numbers, commits, images."""
    root = tmp_path / "world"
    async with Sandbox(root) as first:
        port = first.port
        await first.create_repository("deploy", {"env/test/guestbook.yaml": DEPLOYMENT})
        await push_image(first.url, "guestbook", "1.0.0", created=datetime.now(UTC))
        first.world.cluster.mark("other:1", True)
        first.world.metrics.set("speed", {}, 3.0)
        item = application(repo=first.git_url("deploy"), automated=True)
        first.world.applications.create("argocd", item, datetime.now(UTC))
        await eventually(lambda: _health(first), lambda health: health == "Healthy")
        before = first.world.applications.items()
    async with Sandbox(root, port) as second:
        async with httpx.AsyncClient(base_url=second.url, trust_env=False) as http:
            overview = (await http.get("/sandbox")).json()
            assert overview["images"] == {"guestbook": ["1.0.0"]}
            assert overview["badImages"] == ["other:1"]
            found = await http.get("/prometheus/api/v1/query", params={"query": "speed"})
            assert found.json()["data"]["result"][0]["value"][1] == "3"
        await asyncio.sleep(0.1)
        assert second.world.applications.items() == before
        assert _health(second) == "Healthy"


async def test_changes_are_saved_while_running(tmp_path):
    """A world that is killed has lost no more than a moment."""
    async with Sandbox(tmp_path / "world") as running:
        running.world.applications.create("argocd", application(), datetime.now(UTC))
        file = tmp_path / "world" / "kubernetes.json"
        saved = await eventually(lambda: file.exists() and json.loads(file.read_text())["items"], bool)
        assert saved[0]["metadata"]["name"] == "guestbook"


async def test_several_worlds_in_one_process(tmp_path):
    """Two worlds side by side know nothing of each other, and leave the process's signals and folder alone."""
    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), Path.cwd(), dict(os.environ))
    async with Sandbox(tmp_path / "a") as one, Sandbox(tmp_path / "b") as two:
        await one.create_repository("deploy", {"a": "a"})
        assert (one.world.git.names(), two.world.git.names()) == (["deploy"], [])
        assert one.port != two.port
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), Path.cwd(), dict(os.environ)) == before
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.get(one.url)


def _health(sandbox):
    status = sandbox.world.applications.get("argocd", "guestbook").get("status") or {}
    return status.get("health", {}).get("status")
