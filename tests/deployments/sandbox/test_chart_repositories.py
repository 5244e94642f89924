"""Chart repositories as Helm serves them, and charts in the registry."""

import io
import tarfile
from datetime import UTC, datetime

import httpx
import pytest
import yaml

from deployments.sandbox.chart_archive import push_chart
from deployments.sandbox.server import Sandbox

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def create(http, name, version, repository="stable"):
    """Tell the sandbox to make a chart."""
    body = {"repository": repository, "name": name, "version": version}
    return (await http.post("/sandbox/charts", json=body)).raise_for_status().json()


async def test_index_and_archives(http):
    """The index lists charts with relative addresses and digests of what lies there, the newest first."""
    for name, version in (("app", "1.0.0"), ("app", "1.1.0+b2"), ("db", "0.1.0"), ("app", "1.0.0")):
        made = await create(http, name, version)

    entries = yaml.safe_load((await http.get("/charts/stable/index.yaml")).text)["entries"]
    assert {name: [each["version"] for each in listed] for name, listed in entries.items()} == {
        "app": ["1.0.0", "1.1.0+b2"],
        "db": ["0.1.0"],
    }
    newest = entries["app"][0]
    assert newest["digest"] == made["digest"]
    packed = (await http.get(f"/charts/stable/{newest['urls'][0]}")).content
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        chart = yaml.safe_load(tar.extractfile("app/Chart.yaml"))
    assert (chart["name"], chart["version"]) == ("app", "1.0.0")


async def test_what_has_not_changed_is_not_sent_again(http):
    """An ETag stands for the index until a chart is added."""
    await create(http, "app", "1.0.0")
    etag = (await http.get("/charts/stable/index.yaml")).headers["etag"]
    again = await http.get("/charts/stable/index.yaml", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await create(http, "app", "1.0.1")
    assert (await http.get("/charts/stable/index.yaml", headers={"if-none-match": etag})).status_code == 200


@pytest.mark.parametrize("field", ["repository", "name", "version"])
async def test_names_stay_names(http, field):
    """A name that would lead elsewhere on the disk is refused."""
    body = {"repository": "stable", "name": "app", "version": "1.0.0", field: "../up"}
    answer = await http.post("/sandbox/charts", json=body)
    assert answer.status_code == 400
    assert "cannot be a name" in answer.json()["error"]


async def test_users_and_restart(tmp_path):
    """Without proof nothing is shown; charts are there again after a restart, in the overview, too."""
    async with Sandbox(tmp_path, users={"ana": "pw"}) as sandbox:
        where = await sandbox.create_chart("app", "1.0.0")
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{where}/index.yaml")).status_code == 401
    async with Sandbox(tmp_path, users={"ana": "pw"}) as sandbox, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{sandbox.chart_url()}/index.yaml", auth=("ana", "pw"))
        assert "app" in yaml.safe_load(answer.text)["entries"]
        assert (await http.get(f"{sandbox.url}/sandbox")).json()["charts"] == {"stable": ["app-1.0.0"]}


async def test_charts_in_the_registry(sandbox, http):
    """A pushed chart has its version as tag, `+` as `_`, and its archive as the one layer."""
    digest = await push_chart(sandbox.url, "charts/app", "1.0.0+b1", created=NOW)
    answer = await http.get("/v2/charts/app/manifests/1.0.0_b1")
    assert answer.headers["docker-content-digest"] == digest
    (layer,) = answer.json()["layers"]
    packed = (await http.get(f"/v2/charts/app/blobs/{layer['digest']}")).content
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert "version: 1.0.0+b1" in tar.extractfile("app/Chart.yaml").read().decode()


async def test_truncated_answers(sandbox, http):
    """Half of what was announced comes, then the connection ends; the next answer is whole."""
    await create(http, "app", "1.0.0")
    await http.post("/sandbox/faults", json={"match": "/charts/", "kind": "truncate", "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/charts/stable/index.yaml")
    assert (await http.get("/charts/stable/index.yaml")).status_code == 200
