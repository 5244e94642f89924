"""A Prometheus for tests, started once per session with a few minutes of samples.

Use it from a test module or a conftest:

    from tests.servers.prometheus import prometheus_url  # noqa: F401
"""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import httpx
import pytest

from deployments.processes import free_port
from tests.components import program

LOGIN = ("reader", "p@ss word")
SERIES = {'error_rate{pod="a"}': 0.25, 'error_rate{pod="b"}': 0.5, "requests": 40.0, "nothing": 0.0}
"""Series and their value, the same in every sample."""
STEP = 15.0
MINUTES = 20


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that answers anybody."""
    with running(tmp_path_factory.mktemp("prometheus")) as address:
        yield address


@pytest.fixture(scope="session")
def guarded_prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that answers only `LOGIN`."""
    folder = tmp_path_factory.mktemp("guarded")
    hashed = bcrypt.hashpw(LOGIN[1].encode(), bcrypt.gensalt(4)).decode()
    (folder / "web.yml").write_text(f"basic_auth_users:\n  {LOGIN[0]}: {hashed}\n")
    with running(folder, f"--web.config.file={folder / 'web.yml'}") as address:
        yield address


@contextlib.contextmanager
def running(folder: Path, *options: str, config: str = "") -> Iterator[str]:
    """Run Prometheus over `SERIES`, or over what `config` scrapes, until the block ends."""
    server = program("prometheus")
    if not config:  # a server with samples ahead of now takes no scraped ones
        _backfill(folder)
    (folder / "prometheus.yml").write_text(config or "global: {scrape_interval: 1h}\n")
    port = free_port()
    command = [
        str(server),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _await_ready(f"http://127.0.0.1:{port}", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _backfill(folder: Path) -> None:
    now = time.time()
    times = [now - MINUTES * 60 + STEP * index for index in range(int(MINUTES * 60 / STEP) + 20)]
    lines = []
    for name in dict.fromkeys(series.partition("{")[0] for series in SERIES):
        lines.append(f"# TYPE {name} gauge")
        for series, value in SERIES.items():
            if series.partition("{")[0] == name:
                lines += [f"{series} {value} {at:.3f}" for at in times]
    (folder / "samples").write_text("\n".join([*lines, "# EOF\n"]))
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "samples", folder / "data"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _await_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/-/ready", timeout=1, trust_env=False).status_code in (200, 401):
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"Prometheus does not start:\n{log.read_text()[-2000:]}")
