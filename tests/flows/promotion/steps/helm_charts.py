"""Charts, and repositories that have them: an HTTP server with passwords, and a real OCI registry."""

import base64
import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
from contextlib import contextmanager

import httpx
import pytest

from blocks.chart_repository import ChartRepositories
from blocks.records import Credentials
from tests.components import program
from tests.flows.promotion.workspace import step_context
from tests.servers.registry import OCI_MANIFEST, docker_registry, push_blob

ANA = Credentials("ana-secret", "ana", "pa55word")
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-web
  namespace: {{ .Release.Namespace }}
data:
  color: {{ .Values.color | quote }}
  size: {{ .Values.size | toJson | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
  monitored: "{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}"
"""
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: NAME
  annotations: {helm.sh/hook: KIND}
"""


def fill(root, files):
    """Write files by their paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def chart(root, dependencies="", **files):
    """A chart `shop` with an object, two hooks and a CRD."""
    fill(
        root / "shop",
        {
            "Chart.yaml": f"apiVersion: v2  # keep me\nname: shop\nversion: 0.1.0\n{dependencies}",
            "values.yaml": "color: green\nsize: 1\n",
            "templates/web.yaml": CONFIG_MAP,
            "templates/migrate.yaml": HOOK.replace("NAME", "migrate").replace("KIND", "pre-install"),
            "templates/tests/check.yaml": HOOK.replace("NAME", "check").replace("KIND", "test"),
            "crds/thing.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: things.example.com}\n",
            **files,
        },
    )


def packed(name, version):
    """The archive of a tiny chart that renders one ConfigMap of its name."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
        "templates/one.yaml": "apiVersion: v1\nkind: ConfigMap\n"
        f"metadata: {{name: {name}}}\ndata: {{v: '{version}'}}\n",
    }
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


def served(charts):
    """What a repository of charts (name to versions) has, by path."""
    archives = {f"/{name}-{v}.tgz": packed(name, v) for name, versions in charts.items() for v in versions}
    lines = ["apiVersion: v1", "entries:"]
    for name, versions in charts.items():
        lines.append(f"  {name}:")
        for v in versions:
            digest = hashlib.sha256(archives[f"/{name}-{v}.tgz"]).hexdigest()
            lines += [f"  - name: {name}", f"    version: {v}", f"    digest: {digest}", f"    urls: [{name}-{v}.tgz]"]
    return {**archives, "/index.yaml": "\n".join([*lines, ""]).encode()}


@contextmanager
def repository(charts, auth=None):
    """Serve charts over HTTP on a free port, as they are when asked for, to who has the password; yields the URL."""
    wanted = auth and "Basic " + base64.b64encode(":".join(auth).encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = not wanted or self.headers.get("authorization") == wanted
            body = served(charts).get(self.path) if allowed else b""
            self.send_response(401 if not allowed else 200 if body else 404)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def push_chart(address, repo, name, version):
    """Push a chart to an OCI registry as helm does."""
    blob = packed(name, version)
    config = json.dumps({"name": name, "version": version, "apiVersion": "v2"}).encode()
    with httpx.Client(base_url=f"http://{address}/v2/{repo}/{name}", auth=("ana", "pa55word"), trust_env=False) as http:
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": CHART_CONFIG, "digest": push_blob(http, config), "size": len(config)},
            "layers": [{"mediaType": CHART, "digest": push_blob(http, blob), "size": len(blob)}],
        }
        headers = {"Content-Type": OCI_MANIFEST}
        http.put(f"/manifests/{version}", content=json.dumps(manifest).encode(), headers=headers).raise_for_status()


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """An OCI registry that asks for a password."""
    with docker_registry(tmp_path_factory.mktemp("locked"), {"ana": "pa55word"}) as address:
        yield address


@pytest.fixture
async def context(tmp_path, monkeypatch):
    """What a step is given: helm on the path, Ana's credentials for everything; `previous` has who was asked."""
    monkeypatch.setenv("PATH", f"{program('helm').parent}{os.pathsep}{os.environ['PATH']}")
    asked = []

    async def credentials(cred_type, repo_url):
        asked.append((cred_type, repo_url))
        return ANA

    repositories = ChartRepositories(allow_plain_http_credentials=True)
    work = tmp_path / "work"
    work.mkdir()
    previous = {"asked": asked}
    yield step_context(work, credentials=credentials, chart_repositories=repositories, previous=previous)
    await repositories.aclose()


def written(root):
    """All files below a directory, by path."""
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}
