"""A Warehouse of an image and charts behind a password, from its manifest to Freight as people see it."""

from datetime import UTC, datetime
from hashlib import sha1
from uuid import uuid4

import pytest

from deployments.apply import apply, delete
from deployments.sandbox.chart_archive import push_chart
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.discover import discover
from flows.world import opened_world
from tests.servers.terminal import done

AUTH = ("ana", "planted-password-3d1e")
BUILT = datetime(2026, 1, 1, tzinfo=UTC)

MANIFESTS = """\
apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata:
  name: PROJECT
---
apiVersion: v1
kind: Secret
metadata:
  name: charts
  namespace: PROJECT
  labels:
    kargo.akuity.io/cred-type: helm
stringData:
  repoURL: ^(http://)?HOST/
  repoURLIsRegex: "true"
  username: ana
  password: planted-password-3d1e
---
apiVersion: v1
kind: Secret
metadata:
  name: images
  namespace: PROJECT
  labels:
    kargo.akuity.io/cred-type: image
stringData:
  repoURL: HOST/app
  username: ana
  password: planted-password-3d1e
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata:
  name: main
  namespace: PROJECT
spec:
  interval: 24h
  freightCreationCriteria:
    expression: chartFrom('http://HOST/charts/stable', 'app').Version == imageFrom('HOST/app').Tag
  subscriptions:
  - image:
      repoURL: HOST/app
  - chart:
      repoURL: http://HOST/charts/stable
      name: app
      semverConstraint: ^1.0.0
  - name: library
    chart:
      repoURL: oci://HOST/charts/library
"""


@pytest.fixture
async def watched(machine, tmp_path):
    """A world with an image and two charts, and a project that watches them."""
    project = f"charts-{uuid4().hex[:8]}"
    async with opened_world() as here, Sandbox(tmp_path / "sandbox", users=dict([AUTH])) as sandbox:
        await sandbox.create_chart("app", "1.0.0")
        await push_chart(sandbox.url, "charts/library", "2.0.0+b7", created=BUILT, auth=AUTH)
        digest = await push_image(sandbox.url, "app", "1.0.0", created=BUILT, auth=AUTH)
        file = tmp_path / "manifests.yaml"
        file.write_text(MANIFESTS.replace("PROJECT", project).replace("HOST", sandbox.host))
        await apply(here, [str(file)], actor="user:test")
        yield here, sandbox, project, digest
        await delete(here, "Project", "", project, "user:test")


async def test_freight_with_charts(watched):
    """Its name is the one Kargo gives, each artifact is there as Kargo writes it, and people see the versions."""
    here, sandbox, project, digest = watched
    (alias,) = await discover(project, "main")

    found = (await done("get", "freight", "-p", project, "-o", "json")).json
    (freight,) = found.get("items", [found])
    host = sandbox.host
    parts = [
        f"{host}/app:1.0.0@{digest}",
        f"http:/{host}/charts/stable/app:1.0.0",
        f"{host}/charts/library:2.0.0+b7:library",
    ]
    assert freight["metadata"]["name"] == sha1(f"Warehouse/main:{'|'.join(sorted(parts))}".encode()).hexdigest()
    assert freight["charts"] == [
        {"repoURL": f"http://{host}/charts/stable", "name": "app", "version": "1.0.0"},
        {"repoURL": f"oci://{host}/charts/library", "version": "2.0.0+b7", "subscriptionName": "library"},
    ]
    table = (await done("get", "freight", "-p", project)).out
    assert alias in table
    assert "app:1.0.0" in table and "library:2.0.0+b7" in table

    discovered = (await here.ledger.warehouses.status(project, "main")).discovered
    assert [each["versions"] for each in discovered["charts"]] == [["1.0.0"], ["2.0.0+b7"]]

    await sandbox.create_chart("app", "1.1.0")
    assert await discover(project, "main") == []
    await push_image(sandbox.url, "app", "1.1.0", created=BUILT, auth=AUTH)
    assert len(await discover(project, "main")) == 1
