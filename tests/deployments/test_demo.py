"""The demo tells its whole story on a machine of its own, and leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_story(tmp_path: Path):
    """One image walks to prod, the next to uat, and one outside the constraint nowhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DRAYAGE_", "PREFECT_"))}
    env = kept | {"DRAYAGE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.cli.main", "demo"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=170)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3_000:]
    assert "runs in prod and is verified" in said
    assert "outside the constraint ^1.0.0, so nothing moves" in said
