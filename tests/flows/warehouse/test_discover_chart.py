"""Charts of a Warehouse, from HTTP repositories and registries, to Freight or to the sentence why there is none."""

from datetime import UTC, datetime
from hashlib import sha1

import pytest

from blocks.chart_repository import ChartRepositories
from blocks.errors import Invalid
from blocks.http_client import Limits
from blocks.records import Credentials
from deployments.sandbox.chart_archive import push_chart
from deployments.sandbox.faults import Fault
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.warehouse.asking import Hint
from flows.warehouse.discover_chart import discover_chart
from flows.warehouse.model import ChartSubscription
from tests.flows.warehouse.asked import asking
from tests.flows.warehouse.looking import chart, image, warehouse
from tests.servers.charts import index, tagged
from tests.servers.git_http import self_signed
from tests.servers.recording import recording

USER, PASSWORD = "ana", "planted-password-91bc"
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Limits(timeout=1.0, attempts=1, max_bytes=1_000_000)
CHARTS = ["1.0.0", "1.2.0+b1", "1.10.0", "2.0.0-rc.1", "v1.3.0", "1.4", "latest"]


def repositories():
    """A client of chart repositories that gives up soon and sends passwords to this machine."""
    return ChartRepositories(allow_plain_http_credentials=True, limits=QUICK)


@pytest.fixture
async def looker(looker):
    """Knows the password, and charts."""
    looker.charts = repositories()
    looker.credentials = {kind: Credentials(f"{kind}-secret", USER, PASSWORD) for kind in ("helm", "image")}
    yield looker
    await looker.charts.aclose()


@pytest.fixture
async def sandbox(tmp_path):
    """A world with the chart `app`, in a repository and in the registry, and the image `app`, behind a password."""
    async with Sandbox(tmp_path / "sandbox", users={USER: PASSWORD}) as world:
        await world.create_chart("app", "1.0.0")
        await push(world, "1.0.0")
        await push_image(world.url, "app", "1.0.0", created=BUILT, auth=(USER, PASSWORD))
        yield world


async def push(world, version):
    """Push the chart to the registry."""
    return await push_chart(world.url, "charts/app", version, created=BUILT, auth=(USER, PASSWORD))


def subscribed(world, kind):
    """A Warehouse of one subscription, and the path its faults match."""
    if kind == "oci":
        return warehouse(chart(f"oci://{world.host}/charts/app")), "/v2/charts/app"
    return warehouse(chart(world.chart_url(), "app")), "/charts/stable/index.yaml"


async def discovered(looker, server, known=None, **given):
    """The entry of one subscription to chart `app` of a server."""
    subscription = ChartSubscription.model_validate({"repoURL": server.url, "name": "app", **given})
    asked = asking(cache=looker.ledger.cache, charts=looker.charts, name="main", **(known or {}))
    return await discover_chart(subscription, asked)


@pytest.mark.parametrize(
    ("given", "versions"),
    [
        pytest.param({}, ["2.0.0-rc.1", "1.10.0", "1.4", "v1.3.0", "1.2.0+b1", "1.0.0"], id="all"),
        pytest.param({"semverConstraint": "^1.2.0"}, ["1.10.0", "1.4", "v1.3.0", "1.2.0+b1"], id="constraint"),
        pytest.param({"semverConstraint": ">=3"}, [], id="none"),
        pytest.param({"discoveryLimit": 2}, ["2.0.0-rc.1", "1.10.0"], id="limit"),
    ],
)
async def test_the_entry(looker, given, versions):
    """Kargo's fields, the versions newest first; what is no version is left out."""
    with recording(tagged(index(app=CHARTS, db=["9.0.0"]))) as server:
        entry = await discovered(looker, server, **given)
    constraint = {"semverConstraint": given["semverConstraint"]} if "semverConstraint" in given else {}
    said = {"repoURL": server.url, "name": "app", "subscriptionName": "main", **constraint}
    assert entry == {**said, "versions": versions}


async def test_a_broken_constraint(looker):
    """It is said as such."""
    with recording(tagged(index(app=CHARTS))) as server, pytest.raises(Invalid, match="not-a-range"):
        await discovered(looker, server, semverConstraint="not-a-range")


async def test_registry(sandbox, looker):
    """Tags are versions as Helm writes them; what Helm would not have pushed does not count."""
    for version in ("1.2.0+b1", "1.10.0", "2.0.0"):
        await push(sandbox, version)
    await push_image(sandbox.url, "charts/app", "v1.9.0", created=BUILT, auth=(USER, PASSWORD))
    definition, _ = subscribed(sandbox, "oci")
    freight = await looker.look(definition)
    (entry,) = (await looker.status(definition)).discovered["charts"]
    assert entry["versions"] == ["1.10.0", "1.2.0+b1", "1.0.0"]
    assert freight.content == {"charts": [{"repoURL": f"oci://{sandbox.host}/charts/app", "version": "1.10.0"}]}


async def test_a_restarted_worker_downloads_nothing(looker):
    """The ledger keeps the versions by the index's ETag; each chart of a repository for itself."""
    with recording(tagged(index(app=["1.0.0"], db=["2.0.0"]))) as server:
        first = await discovered(looker, server)
        await looker.charts.aclose()
        looker.charts = repositories()
        assert await discovered(looker, server) == first
        assert (await discovered(looker, server, name="db"))["versions"] == ["2.0.0"]
        server.answer = tagged(index(app=["1.0.0", "1.1.0"]), '"2"')
        assert (await discovered(looker, server))["versions"] == ["1.1.0", "1.0.0"]
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"', None, '"1"']


async def test_what_was_not_checked_is_not_taken_for_the_truth(looker, tmp_path, monkeypatch):
    """Versions that came over TLS nobody checked are kept for those who do not check it either."""
    with recording(tagged(index(app=["6.6.6"])), tls=self_signed(tmp_path)) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
        await discovered(looker, server, insecureSkipTLSVerify=True)
        cached = await looker.ledger.cache.get(f"chart:{server.url}/index.yaml", ["app"])
    assert cached == {}
    assert await looker.ledger.cache.get(f"chart:insecure:{server.url}/index.yaml", ["app"])


@pytest.mark.parametrize("known", [{"hint": Hint(tag="1.1.0")}, {"thorough": True}], ids=["hint", "thorough"])
async def test_asked_for(looker, known):
    """Who is told that there is something new looks at the index, with a condition, and sees it."""
    with recording(tagged(index(app=["1.0.0"]))) as server:
        await discovered(looker, server)
        assert (await discovered(looker, server, known))["versions"] == ["1.0.0"]
        server.answer = tagged(index(app=["1.0.0", "1.1.0"]), '"2"')
        assert (await discovered(looker, server, known))["versions"] == ["1.1.0", "1.0.0"]
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"', '"1"']


def expected_name(*parts):
    """The name of Freight of Warehouse `main`, by Kargo's rule."""
    return sha1(f"Warehouse/main:{'|'.join(sorted(parts))}".encode()).hexdigest()


async def test_freight_of_an_image_and_charts(sandbox, looker):
    """The best of each together, under the name Kargo gives it, once; the criteria see the charts."""
    http, oci, app = sandbox.chart_url(), f"oci://{sandbox.host}/charts/app", f"{sandbox.host}/app"
    criteria = f"chartFrom('{http}', 'app').Version == imageFrom('{app}').Tag && chartFrom('{oci}').Version == '1.0.0'"
    subscriptions = [image(app), {"name": "web", **chart(http, "app")}, chart(oci)]
    definition = warehouse(*subscriptions, freightCreationCriteria={"expression": criteria})
    freight = await looker.look(definition)
    digest = freight.content["images"][0]["digest"]
    one_slash = http.replace("//", "/")
    assert freight.name == expected_name(
        f"{app}:1.0.0@{digest}", f"{one_slash}/app:1.0.0:web", f"{sandbox.host}/charts/app:1.0.0"
    )
    assert freight.content["charts"] == [
        {"repoURL": http, "name": "app", "version": "1.0.0", "subscriptionName": "web"},
        {"repoURL": oci, "version": "1.0.0"},
    ]
    assert await looker.look(definition, 300) is None

    await sandbox.create_chart("app", "1.1.0")
    assert await looker.look(definition, 600) is None
    await push_image(sandbox.url, "app", "1.1.0", created=BUILT, auth=(USER, PASSWORD))
    changed = await looker.look(definition, 900)
    assert [each["version"] for each in changed.content["charts"]] == ["1.1.0", "1.0.0"]
    assert len(await looker.freight()) == 2


FAULTS = [
    pytest.param("http", {"kind": "drop"}, "check that it runs", id="http-drop"),
    pytest.param("http", {"kind": "delay", "seconds": 3}, "no answer within 1 s; check that it", id="http-slow"),
    pytest.param("http", {"kind": "status", "status": 401}, "'helm-secret': check their user name", id="http-401"),
    pytest.param("http", {"kind": "status", "status": 403}, "'helm-secret': check their user name", id="http-403"),
    pytest.param("http", {"kind": "status", "status": 404}, "check the repoURL", id="http-404"),
    pytest.param("http", {"kind": "rate_limit"}, "a longer interval", id="http-429"),
    pytest.param("http", {"kind": "status", "status": 500}, "its operators have to", id="http-500"),
    pytest.param("http", {"kind": "garbage"}, "it is a web page; check that the URL is right", id="http-garbage"),
    pytest.param("http", {"kind": "truncate"}, "check that it runs", id="http-truncated"),
    pytest.param("oci", {"kind": "status", "status": 404}, "check its repoURL", id="oci-404"),
    pytest.param("oci", {"kind": "status", "status": 500}, "its operators have to", id="oci-500"),
    pytest.param("oci", {"kind": "garbage"}, "check that a registry answers", id="oci-garbage"),
]


@pytest.mark.parametrize(("kind", "fault", "remedy"), FAULTS)
async def test_a_failure_is_said_survived_and_over_by_itself(sandbox, looker, kind, fault, remedy):
    """The condition names chart and remedy, nothing found before is lost, and the next due look is well again."""
    definition, path = subscribed(sandbox, kind)
    assert await looker.look(definition)
    before, freight = await looker.status(definition), await looker.freight()
    if fault["kind"] == "truncate":  # half of nothing is nothing: the index must have changed
        await sandbox.create_chart("other", "0.1.0")

    sandbox.faults.add(Fault(match=path, **fault))
    assert await looker.look(definition, 300) is None
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "DiscoveryFailed")
    assert ("charts/app" if kind == "oci" else "stable/index.yaml") in message
    assert remedy in message
    assert PASSWORD not in message
    after = await looker.status(definition)
    assert after.discovered["charts"] == before.discovered["charts"]
    assert await looker.freight() == freight

    sandbox.faults.clear()
    await sandbox.create_chart("app", "1.0.1")
    await push(sandbox, "1.0.1")
    fresh = await looker.look(definition, 330)
    assert [each["version"] for each in fresh.content["charts"]] == ["1.0.1"]
    assert (await looker.condition(definition))[0] == "True"


BAD = [
    pytest.param(b"entries:\n  app:\n  - version: '1.", "no index of a chart repository", id="cut-off"),
    pytest.param(b"apiVersion: v1\n", "it has no 'entries'", id="no-entries"),
    pytest.param(b"entries: [1, 2]\n", "its 'entries' are no map", id="wrong-types"),
    pytest.param(b"a: &a [x]\nb: &b [*a, *a]\n" * 5, "it has no 'entries'", id="alias-bomb"),
    pytest.param(b"entries: " + b"[" * 9_000, "its 'entries' are no map", id="deep-entries"),
    pytest.param(b"x: " + b"[" * 9_000, "more than 64 deep, the limit", id="deep"),
    pytest.param(b"#" * 1_500_000, "more than 1000000 bytes, the limit", id="over-large"),
    pytest.param(b"entries: {apps: [], db: []}", "has no chart 'app', it has 'apps'", id="no-such-chart"),
    pytest.param(b"entries: {app: []}", "found nothing", id="no-versions"),
    pytest.param(b"entries: {app: [{version: latest}, {version: [1.0.0]}]}", "found nothing", id="no-semver"),
]


@pytest.mark.parametrize(("body", "sentence"), BAD)
async def test_a_bad_index_is_said_and_over_by_itself(sandbox, looker, body, sentence):
    """Whatever lies in the place of the index, the condition says it, and a good one is found by itself."""
    definition, _ = subscribed(sandbox, "http")
    good = (sandbox.world.charts.folder("stable") / "index.yaml").read_bytes()
    sandbox.world.charts.write("stable", body)
    assert await looker.look(definition) is None
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert sentence in message
    sandbox.world.charts.write("stable", good)
    assert await looker.look(definition, 30)


async def test_a_certificate_nobody_trusts(looker, tmp_path):
    """The condition names it and the field that would skip its check; with the field set all is well."""
    with recording(tagged(index(app=["1.0.0"])), tls=self_signed(tmp_path)) as server:
        definition = warehouse(chart(server.url, "app"))
        assert await looker.look(definition) is None
        message = (await looker.condition(definition))[2]
        assert "certificate" in message and "insecureSkipTLSVerify" in message
        assert await looker.look(warehouse(chart(server.url, "app", insecureSkipTLSVerify=True), generation=2), 60)


async def test_one_slow_repository(sandbox, looker):
    """What takes too long in all is given up, with a sentence."""
    looker.timeout = 0.2
    definition, path = subscribed(sandbox, "http")
    sandbox.faults.add(Fault(match=path, kind="delay", seconds=3))
    assert await looker.look(definition) is None
    assert f"{sandbox.chart_url()} was not read within 0.2 s" in (await looker.condition(definition))[2]
