"""A fresh sandbox per test, and what tests of it need."""

import asyncio
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox

GIT_ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "dev",
    "GIT_AUTHOR_EMAIL": "dev@example.com",
    "GIT_COMMITTER_NAME": "dev",
    "GIT_COMMITTER_EMAIL": "dev@example.com",
}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: guestbook}
spec:
  template:
    spec:
      containers: [{name: app, image: "registry.test/guestbook:1.0.0"}]
"""


async def git(directory: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the real git client."""
    return await asyncio.to_thread(
        subprocess.run,
        ["git", *arguments],
        cwd=directory,
        env=GIT_ENV,
        check=check,
        capture_output=True,
        text=True,
        timeout=30,
    )


async def eventually(look, accept, seconds: float = 8.0):
    """Look again until the answer is accepted, and return it; what was seen last is in the failure."""
    seen = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                seen = look()
                if accept(seen):
                    return seen
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s, last seen: {seen}") from None


def application(name="guestbook", repo="", path="env/test", revision="main", automated=False, **metadata):
    """An Application as a person writes it."""
    spec = {
        "project": "default",
        "source": {"repoURL": repo, "path": path, "targetRevision": revision},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "guestbook"},
    }
    if automated:
        spec["syncPolicy"] = {"automated": {}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", **metadata},
        "spec": spec,
    }


@pytest.fixture
async def sandbox(tmp_path):
    """A running sandbox without authentication."""
    timing = Timing(poll=0.2, syncing=0.02, progressing=0.1)
    async with Sandbox(tmp_path / "world", timing=timing) as running:
        yield running


@pytest.fixture
async def http(sandbox):
    """An HTTP client whose paths are the sandbox's."""
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=10, trust_env=False) as client:
        yield client
