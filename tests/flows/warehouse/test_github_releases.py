"""Releases of a code host, from the request to the Freight and to the sentence people read."""

import httpx
import pytest

from blocks.http_client import Limits
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows.warehouse.asking import Asking, Hint, Sources
from flows.warehouse.model import Subscription
from flows.warehouse.subscriptions import kind_of
from tests.flows.warehouse.looking import START, warehouse

TOKEN = "planted-token-4c1d"
KEEPER = Credentials("code-host", "x-access-token", TOKEN)
LIST = "/api/v3/repos/acme/cli/releases"
LINUX = {"name": "cli_linux_amd64.tar.gz", "size": 4096, "digest": "sha256:00ff"}
COMMIT = "3f786850e387550fdab836ed7e6dc881de23001b"


@pytest.fixture
async def host(tmp_path):
    """A code host that asks for a token and has the repository acme/cli, with a draft that is nobody's business."""
    async with Sandbox(tmp_path / "sandbox", users={"keeper": TOKEN}) as opened:
        opened.release("acme/cli", "v9.9.9", draft=True)
        yield opened


@pytest.fixture
async def looking(looker, host):
    """Looks with the token, and gives up soon."""
    looker.web = Web(allow_plain_http_credentials=True, limits=Limits(timeout=1.0, attempts=1))
    looker.credentials = {"git": KEEPER}
    yield looker
    await looker.web.aclose()


def releases(host, limit=20, **config):
    """A Warehouse subscribed to acme/cli."""
    config = {"repoURL": f"{host.url}/acme/cli.git", **config}
    return warehouse({"name": "cli", "github-release": {"config": config, "discoveryLimit": limit}})


async def ask(looking, definition, before=None, hint=None, thorough=False, now=START):
    """Ask the one subscription; returns the tags found, the best first, and its whole entry."""
    subscription = Subscription.model_validate(definition.spec["subscriptions"][0])

    async def credentials(cred_type, repo_url):
        return looking.credentials.get(cred_type)

    sources = Sources(None, None, looking.ledger.cache, credentials, web=looking.web)
    asking = Asking(sources, now, subscription.name, before=before, hint=hint, thorough=thorough)
    entry = await kind_of(subscription).discover(subscription.wanted, asking)
    return [each["version"] for each in entry["artifactReferences"]], entry


def asked(host):
    """What the host was asked, as path and number, and forget it."""
    counted = dict(host.faults.requests)
    host.faults.requests.clear()
    return {path.removeprefix("/api/v3/repos/acme/cli/"): number for path, number in counted.items()}


async def test_a_release_becomes_freight(looking, host):
    """A published release is Freight with all that is known of it; looking again makes no other."""
    host.release("acme/cli", "v1.2.0", commit=COMMIT, assets=[LINUX], published_at=START)
    definition = releases(host)
    freight = await looking.look(definition)
    page = f"{host.url}/acme/cli/releases"
    assert freight.content == {
        "artifacts": [
            {
                "artifactType": "github-release",
                "subscriptionName": "cli",
                "version": "v1.2.0",
                "metadata": {
                    "repoURL": f"{host.url}/acme/cli.git",
                    "tag": "v1.2.0",
                    "name": "v1.2.0",
                    "url": f"{page}/tag/v1.2.0",
                    "publishedAt": "2026-03-01T12:00:00Z",
                    "prerelease": False,
                    "commit": COMMIT,
                    "assets": [
                        {
                            **LINUX,
                            "contentType": "application/octet-stream",
                            "url": f"{page}/download/v1.2.0/cli_linux_amd64.tar.gz",
                        }
                    ],
                },
            }
        ]
    }
    assert await looking.look(definition, 600) is None
    assert (await looking.condition(definition))[0] == "True"


async def test_what_has_not_changed_costs_one_request_that_does_not_count(looking, host):
    """The first look reads the page and the commit, the next ones ask whether the page changed."""
    host.release("acme/cli", "v1.0.0", commit=COMMIT)
    definition = releases(host)
    before = await ask(looking, definition)
    assert asked(host) == {"releases": 1, "commits/tags/v1.0.0": 1}
    left = host.world.code_host.limit.headers(TOKEN)["x-ratelimit-remaining"]
    assert await ask(looking, definition) == before
    assert asked(host) == {"releases": 1}
    assert host.world.code_host.limit.headers(TOKEN)["x-ratelimit-remaining"] == left


async def test_a_new_release_costs_its_page_and_its_commit(looking, host):
    """Commits that are known are not asked for again."""
    host.release("acme/cli", "v1.0.0", commit=COMMIT)
    definition = releases(host)
    await ask(looking, definition)
    host.release("acme/cli", "v1.1.0", commit=COMMIT)
    asked(host)
    tags, entry = await ask(looking, definition)
    assert tags == ["v1.1.0", "v1.0.0"]
    assert asked(host) == {"releases": 1, "commits/tags/v1.1.0": 1}
    assert [each["metadata"]["commit"] for each in entry["artifactReferences"]] == [COMMIT, COMMIT]


async def test_a_download_changes_nothing(looking, host):
    """What is counted on the page makes it another page, which is read, and no more."""
    for minor in range(40):
        host.release("acme/cli", f"v1.{minor}.0", assets=[LINUX])
    definition = releases(host, limit=2)
    assert (await ask(looking, definition))[0] == ["v1.39.0", "v1.38.0"]
    host.release("acme/cli", "v1.39.0", assets=[LINUX | {"download_count": 7}])
    asked(host)
    assert (await ask(looking, definition))[0] == ["v1.39.0", "v1.38.0"]
    assert asked(host) == {"releases": 1}


async def test_pages_that_are_needed(looking, host):
    """For the highest version all pages are read, for the newest release only those that are needed."""
    for number in reversed(range(70)):
        host.release("acme/cli", f"v{number}.0.0", commit=COMMIT)
    assert (await ask(looking, releases(host, limit=1)))[0] == ["v69.0.0"]
    assert asked(host)["releases"] == 3
    assert (await ask(looking, releases(host, limit=1, selection="NewestRelease")))[0] == ["v0.0.0"]
    assert asked(host)["releases"] == 1


async def test_an_old_release_that_changed(looking, host):
    """What changes on a later page is seen after some hours, or when a person asks."""
    for number in range(40):
        host.release("acme/cli", f"v1.{number}.0", commit=COMMIT)
    definition = releases(host, limit=1, allowTagsRegexes=[r"^v1\.[01]\."])
    assert (await ask(looking, definition))[0] == ["v1.1.0"]
    host.world.code_host.releases.delete("acme/cli", "v1.1.0")
    host.release("acme/cli", "v1.40.0", draft=True)
    assert (await ask(looking, definition, thorough=True))[0] == ["v1.0.0"]


async def test_a_hint_reads_one_release(looking, host):
    """The release of the tag is put where it belongs among those known; other pages are not asked."""
    host.release("acme/cli", "v1.0.0", commit=COMMIT)
    host.release("acme/cli", "v3.0.0", commit=COMMIT)
    definition = releases(host)
    _, before = await ask(looking, definition)
    host.release("acme/cli", "v2.0.0", commit=COMMIT)
    asked(host)
    tags, after = await ask(looking, definition, before, Hint(tag="v2.0.0"))
    assert tags == ["v3.0.0", "v2.0.0", "v1.0.0"]
    assert asked(host) == {"releases/tags/v2.0.0": 1, "commits/tags/v2.0.0": 1}
    assert (await ask(looking, definition, after))[1] == after


@pytest.mark.parametrize(
    ("hint", "tags"),
    [
        pytest.param(Hint(tag="v1.0.0"), [], id="deleted"),
        pytest.param(Hint(tag="v9.9.9"), ["v1.0.0"], id="draft"),
        pytest.param(Hint(tag="../../../user"), ["v1.0.0"], id="no-tag"),
        pytest.param(Hint(branch="main", commit=COMMIT), ["v1.0.0"], id="a-push"),
        pytest.param(Hint(tag="v1.0.0", repo_url="https://github.com/acme/other"), ["v1.0.0"], id="elsewhere"),
    ],
)
async def test_hints_that_bring_nothing(looking, host, hint, tags):
    """What was found before stays, unless it is what was deleted."""
    host.release("acme/cli", "v1.0.0", commit=COMMIT)
    definition = releases(host)
    _, before = await ask(looking, definition)
    host.world.code_host.releases.delete("acme/cli", "v1.0.0")
    assert (await ask(looking, definition, before, hint))[0] == tags


async def test_a_hint_when_nothing_is_known(looking, host):
    """Everything is read."""
    host.release("acme/cli", "v1.0.0")
    host.release("acme/cli", "v2.0.0")
    assert (await ask(looking, releases(host), None, Hint(tag="v1.0.0")))[0] == ["v2.0.0", "v1.0.0"]


async def test_an_asset_that_comes_late(looking, host):
    """A release counts once the asset that is waited for is uploaded."""
    waiting = LINUX | {"state": "starter"}
    host.release("acme/cli", "v1.0.0", assets=[waiting])
    definition = releases(host, assets=["glob:*linux*"])
    assert await looking.look(definition) is None
    status, _, message = await looking.condition(definition)
    assert (status, message) == (
        "False",
        "github-release subscription 'cli' found nothing, so there is no Freight; check its filters",
    )
    host.release("acme/cli", "v1.0.0", assets=[LINUX])
    freight = await looking.look(definition, 600)
    assert freight.content["artifacts"][0]["version"] == "v1.0.0"


async def test_the_same_release_with_more_assets_is_the_same_freight(looking, host):
    """Metadata is no part of what makes Freight the same."""
    host.release("acme/cli", "v1.0.0")
    definition = releases(host)
    first = await looking.look(definition)
    host.release("acme/cli", "v1.0.0", assets=[LINUX])
    assert await looking.look(definition, 600) is None
    assert await looking.freight() == [first.name]


def fault(**settings):
    """A fault of the list of releases."""
    return Fault(match=LIST, **settings)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param(fault(kind="status", status=503), "answered 503 Service Unavailable", id="down"),
        pytest.param(fault(kind="drop"), "failed:", id="cut"),
        pytest.param(fault(kind="garbage"), "something that is no JSON", id="garbage"),
        pytest.param(fault(kind="delay", seconds=3), "gave no answer within 1 s", id="slow"),
        pytest.param(fault(kind="status", status=403), "answered 403 Forbidden: check the credentials", id="forbidden"),
        pytest.param(fault(kind="status", status=401), "check the credentials", id="refused"),
        pytest.param(fault(kind="rate_limit", retry_after=120), "too many requests", id="too-many"),
        pytest.param(fault(kind="status", status=403, retry_after=120), "too many requests", id="secondary-limit"),
    ],
)
async def test_trouble_is_told_and_passes(looking, host, trouble, said):
    """The condition says what happened, never the token; once it is over a new client finds the release."""
    host.release("acme/cli", "v1.0.0")
    definition = releases(host)
    host.faults.add(trouble)
    assert await looking.look(definition) is None
    status, _, message = await looking.condition(definition)
    assert status == "False"
    assert said in message
    assert TOKEN not in message
    host.faults.clear()
    await looking.web.aclose()
    looking.web = Web(allow_plain_http_credentials=True)
    freight = await looking.look(definition, 600)
    assert freight.content["artifacts"][0]["version"] == "v1.0.0"


async def test_an_exhausted_limit_is_kept(looking, host):
    """When the host says that nothing is left, it is not asked again before it said."""
    host.world.code_host.limit.limit = 1
    host.release("acme/cli", "v1.0.0")
    definition = releases(host)
    await looking.look(definition)
    asked(host)
    assert await looking.look(definition, 600) is None
    assert (await looking.condition(definition))[0] == "False"
    assert asked(host) == {}


@pytest.mark.parametrize(
    ("known", "said"),
    [
        pytest.param(None, "or it needs credentials of cred-type git", id="anonymous"),
        pytest.param(
            Credentials("old", "x", "planted-wrong-token"),
            "answered 401 Unauthorized: check the credentials",
            id="wrong",
        ),
    ],
)
async def test_who_may_not_see_the_repository(looking, host, known, said):
    """GitHub hides what one may not see; the sentence names both reasons."""
    looking.credentials = {"git": known}
    definition = releases(host)
    await looking.look(definition)
    message = (await looking.condition(definition))[2]
    assert said in message
    assert "planted" not in message


async def test_a_repository_that_does_not_exist(looking, host):
    """The sentence names the credentials that do not see it."""
    definition = releases(host, repoURL=f"{host.url}/acme/none")
    await looking.look(definition)
    assert (await looking.condition(definition))[2].endswith(
        "/acme/none shows no releases: there is no such repository on GitHub, or credentials 'code-host' do not see it"
    )


async def test_the_token_goes_over_no_plain_http_unless_allowed(looking, host):
    """Without the setting the host is not even asked."""
    looking.web = Web(limits=Limits(timeout=1.0, attempts=1))
    definition = releases(host)
    await looking.look(definition)
    assert "would send credentials unencrypted" in (await looking.condition(definition))[2]
    assert asked(host) == {}
    await looking.web.aclose()


async def test_two_subscriptions_to_one_repository(looking, host):
    """Each has its filters and its memory."""
    host.release("acme/cli", "v1.0.0")
    host.release("acme/cli", "v2.0.0-rc.1", prerelease=True)
    stable = releases(host).spec["subscriptions"][0]
    preview = releases(host, preReleases="Only").spec["subscriptions"][0] | {"name": "preview"}
    freight = await looking.look(warehouse(stable, preview))
    assert [(each["subscriptionName"], each["version"]) for each in freight.content["artifacts"]] == [
        ("cli", "v1.0.0"),
        ("preview", "v2.0.0-rc.1"),
    ]


async def test_criteria_see_the_release(looking, host):
    """`artifactFrom` gives version and metadata to freightCreationCriteria."""
    host.release("acme/cli", "v1.0.0", commit=COMMIT)
    definition = releases(host)
    wanted = "artifactFrom('cli').Metadata.commit startsWith '3f78' && artifactFrom('none') == nil"
    subscriptions = definition.spec["subscriptions"]
    freight = await looking.look(warehouse(*subscriptions, freightCreationCriteria={"expression": wanted}))
    assert freight.content["artifacts"][0]["version"] == "v1.0.0"


@pytest.mark.parametrize(
    "link",
    ["<https://evil.example.com/api/v3/x>", "</elsewhere>", "<http://[>", "<//evil.example.com/api/v3/repos/x>"],
)
async def test_a_next_page_elsewhere(looking, link):
    """A host that points elsewhere gets no token sent there."""
    from blocks.errors import BadAnswer
    from blocks.github import GitHub

    sent = []

    async def request(method, url, **options):
        sent.append(url)
        headers = {"link": f'{link}; rel="next"'}
        return httpx.Response(200, json=[], headers=headers, request=httpx.Request(method, url))

    with pytest.raises(BadAnswer, match="a next page that is not below"):
        await GitHub(request, "https://code.example.com/api/v3", KEEPER).ask("GET", "https://code.example.com/api/v3/x")
    assert sent == ["https://code.example.com/api/v3/x"]
