"""The demo tells its whole story on a machine of its own; what it leaves running people can use, and end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.terminal import OURS, exported, processes_of


@pytest.mark.slow
def test_the_story(tmp_path: Path):
    """One image walks to prod, the next to uat, and one outside the constraint nowhere; then a person looks around."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    env = kept | {"DRAYAGE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    try:
        told = drayage(env, "demo", "--keep")
        said = told.stdout + told.stderr
        assert told.returncode == 0, said[-3_000:]
        assert "runs in prod and is verified" in said
        assert "outside the constraint ^1.0.0, so nothing moves" in said
        [waiting] = re.findall(r"guestbook:1\.1\.0, which became Freight (\S+)", said)
        terminal = kept | exported(said.splitlines())
        preview = drayage(terminal, "preview", "-p", "guestbook", "--stage", "prod", "--freight", waiting)
        assert "one person must approve" in preview.stdout
        assert re.search(r"^-.*1\.0\.0.*\n\+.*1\.1\.0", preview.stdout, re.MULTILINE), preview.stdout
    finally:
        ended = drayage(env, "demo", "--stop")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert processes_of(tmp_path / "demo") == {}


def drayage(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in a terminal with these variables."""
    command = [sys.executable, "-m", "deployments.cli.main", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=170)
