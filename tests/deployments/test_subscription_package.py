"""The example package that brings a kind of subscription, installed as a user installs it."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.packages import installed

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "deployments" / "examples" / "version_list"

MANIFESTS = """\
apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata: {name: demo}
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {name: main, namespace: demo}
spec:
  subscriptions:
  - name: tool
    version-list:
      config: CONFIG
"""

LOOK = """
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import WarehouseStatus
from blocks.web import Web
from deployments.manifests.load import load
from flows.warehouse.asking import Sources
from flows.warehouse.discovery import discover_warehouse

async def nobody(cred_type, repo_url):
    return None

async def look(manifests, ledger):
    definitions = load([manifests], []).definitions
    warehouse = next(each for each in definitions if each.kind == "Warehouse")
    opened, web = await Ledger.open(f"sqlite:///{ledger}"), Web()
    sources = Sources(None, None, opened.cache, nobody, web=web, index=opened.index)
    found = await discover_warehouse(warehouse, WarehouseStatus("demo", "main"), sources, datetime.now(UTC))
    await web.aclose()
    await opened.close()
    print(json.dumps(found.freight.content if found.freight else found.problem))

asyncio.run(look(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package installed."""
    return installed(EXAMPLE, tmp_path_factory)


@pytest.fixture
def versions():
    """A web server that answers whatever is put into `content`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.content)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.url = f"http://127.0.0.1:{server.server_port}/versions.json"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def look(site, folder, config):
    """Look at a Warehouse in a process that has the package, or not; returns what it found or why not, and errors."""
    manifests = folder / "manifests.yaml"
    manifests.write_text(MANIFESTS.replace("CONFIG", json.dumps(config)))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, [TOP, site])))}
    arguments = [sys.executable, "-c", LOOK, str(manifests), str(folder / "ledger.db")]
    done = subprocess.run(arguments, env=env, cwd=folder, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def test_the_example_brings_a_kind(site, versions, tmp_path):
    """A manifest with its kind is applied as it is, and the highest version is Freight."""
    versions.content = b'[{"version": "1.2.0"}, {"version": "1.10.0", "notes": "new"}, {"version": "2.0.0"}]'
    found, said = look(site, tmp_path, {"url": versions.url, "constraint": "^1.0.0"})
    assert said == ""
    assert found == {
        "artifacts": [
            {
                "artifactType": "version-list",
                "version": "1.10.0",
                "metadata": {"notes": "new"},
                "subscriptionName": "tool",
            }
        ]
    }


def test_its_troubles_are_told_as_its_own(site, versions, tmp_path):
    """The condition's sentence names the distribution and the entry point."""
    versions.content = b"{}<html>"
    found, _ = look(site, tmp_path, {"url": versions.url})
    assert found.startswith(
        "subscription kind 'version-list' of distribution drayage-version-list 1.0.0 "
        "(entry point version-list = drayage_version_list): GET http://127.0.0.1:"
    )
    assert "answered something that is no list of versions" in found


def test_it_asks_no_link_local_address(site, tmp_path):
    """What clouds keep there is not to be had through a package."""
    found, _ = look(site, tmp_path, {"url": "http://169.254.169.254/versions.json"})
    assert "is a link-local address" in found


def test_a_wrong_config_is_refused_when_it_is_applied(site, tmp_path):
    """By the model of the package, with the place in the file."""
    _, said = look(site, tmp_path, {"url": "gopher://x", "limit": 3})
    assert "spec.subscriptions[0].version-list.config.url" in said
    assert "spec.subscriptions[0].version-list.config.limit: is no field here, expected one of constraint, url" in said


def test_without_the_package_the_kind_is_refused(tmp_path):
    """With the kinds there are."""
    _, said = look(None, tmp_path, {"url": "https://example.com"})
    assert "'version-list' is no kind of subscription, expected one of chart, git, github-release, image" in said
