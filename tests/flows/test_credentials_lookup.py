"""Which credentials open a repository, from blocks in a real Prefect to tokens of an App."""

import asyncio
import logging
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client

from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site
from blocks.credentials import RepositoryCredentials, block_name
from blocks.errors import Invalid
from flows.credentials_lookup import MISSED_SECONDS, CredentialsLookup, choose_credentials
from tests.servers.github_app import GitHub
from tests.servers.keys import rsa, rsa_pem, ssh_pem
from tests.servers.recording import recording

URL = "https://git.example/acme/web"
SHARED = "kargo-shared-resources"


def block(name, repo_url=URL, project="shop", cred_type="git", **fields):
    """Credentials of a project."""
    fields = {"password": "pw"} | fields
    return RepositoryCredentials(project=project, secret_name=name, cred_type=cred_type, repo_url=repo_url, **fields)


def pattern(name, repo_url, **fields):
    """Credentials for all repositories a pattern matches."""
    return block(name, repo_url, repo_url_is_regex=True, **fields)


@pytest.mark.parametrize(
    ("known", "cred_type", "url", "expected"),
    [
        pytest.param([block("a")], "git", URL + ".git", "a", id="same-normalised"),
        pytest.param([block("a")], "git", URL + "2", None, id="another"),
        pytest.param([block("a")], "image", URL, None, id="another-type"),
        pytest.param([pattern("a", "^https://git"), block("b")], "git", URL, "b", id="exact-before-pattern"),
        pytest.param([pattern("a", "acme"), pattern("b", "acme")], "git", URL, "a", id="by-name"),
        pytest.param([pattern("a", "("), pattern("b", "acme/web$")], "git", URL, "b", id="broken-pattern"),
        pytest.param([pattern("a", "web.git$")], "git", URL + ".git", "a", id="as-written"),
        pytest.param(
            [pattern("own", "acme"), block("shared", project=SHARED)], "git", URL, "own", id="own-before-shared"
        ),
        pytest.param([block("own", URL + "2"), block("shared", project=SHARED)], "git", URL, "shared", id="shared"),
        pytest.param(
            [block("a", "nginx", cred_type="image")], "image", "docker.io/library/nginx", "a", id="docker-hub"
        ),
        pytest.param([block("a", "oci://r.io/c", cred_type="helm")], "helm", "r.io/c", "a", id="oci-chart"),
    ],
)
def test_which_credentials_open_a_repository(known, cred_type, url, expected):
    """Own before shared, exact before pattern, then by name."""
    chosen = choose_credentials(known, cred_type, url)
    assert (chosen.secret_name if chosen else None) == expected


@pytest.fixture
async def saved(machine):
    """Save blocks under a project of this test's own, and delete them after."""
    project, names = f"creds-{uuid4().hex[:8]}", []

    async def save(name, **fields):
        made = block(name, **({"project": project} | fields))
        names.append(block_name(made.project, name))
        await made.save(names[-1], overwrite=True)
        return project

    yield save
    async with get_client() as client:
        for name in set(names):
            found = await client.read_block_document_by_name(name, "drayage-repository-credentials")
            await client.delete_block_document(found.id)


@pytest.fixture
def github():
    """GitHub Enterprise on a loopback port."""
    known = GitHub(lambda: datetime.now(UTC), {"Iv1.app": rsa(0)})
    with recording(known.answer) as server:
        known.host = server.url.removeprefix("http://")
        yield known


@pytest.fixture
def lookup():
    """A look-up that reads secrets again after a fifth of a second."""
    return CredentialsLookup(Exchanger(Site(allow_plain_http=True)), 0.2)


def app(**changed):
    """The fields of a GitHub App."""
    fields = {
        "password": "",
        "github_app_client_id": "Iv1.app",
        "github_app_installation_id": "42",
        "github_app_private_key": rsa_pem(0),
    }
    return fields | changed


async def test_each_request_is_logged_by_name(saved, lookup, caplog):
    """Never by value, also when the URL holds a password that it should not hold."""
    caplog.set_level(logging.DEBUG, "drayage")
    project = await saved("acme-token", username="planted-user", password="planted-password")
    find = lookup.credentials(project)
    assert (await find("git", URL)).password == "planted-password"
    assert await find("git", "https://u:planted-in-url@git.example/other?x") is None
    assert f"project {project} opens git {URL} with credentials 'acme-token'" in caplog.messages
    assert any("with no credentials" in message for message in caplog.messages)
    assert "planted" not in caplog.text


async def test_secrets_are_read_once_for_all(saved, lookup):
    """Many that ask at once wait for one reading."""
    project = await saved("acme-token")
    found = await asyncio.gather(*(lookup.credentials(project)("git", URL) for _ in range(50)))
    assert {each.name for each in found} == {"acme-token"}


async def test_a_new_secret_is_found_at_once(saved):
    """What opens a repository for which there was nothing need not wait until secrets are read again anyway."""
    patient = CredentialsLookup(Exchanger(Site()), 600)
    project = await saved("acme-other", repo_url="https://git.example/acme/other")
    assert await patient.credentials(project)("git", URL) is None
    await saved("acme-token")
    await asyncio.sleep(MISSED_SECONDS)
    assert (await patient.credentials(project)("git", URL)).name == "acme-token"


async def test_a_changed_secret_is_used_soon(saved, lookup, github):
    """A rotated key is picked up, and no token of the old one is used after that."""
    project = await saved("acme-app", repo_url=f"http://{github.host}/acme/web", **app())
    find = lookup.credentials(project)
    first = await find("git", f"http://{github.host}/acme/web.git")
    assert (first.name, first.username, first.password) == ("acme-app", "x-access-token", "ghs-token-1")
    github.keys["Iv1.app"] = rsa(2)
    await saved("acme-app", repo_url=f"http://{github.host}/acme/web", **app(github_app_private_key=rsa_pem(2)))
    await asyncio.sleep(0.25)
    assert (await find("git", f"http://{github.host}/acme/web")).password == "ghs-token-2"
    assert github.issued == ["web", "web"]


async def test_projects_share_an_app_as_its_annotation_says(saved, lookup, github, caplog):
    """Who is not named opens nothing with it; one that cannot be read lets nobody."""
    caplog.set_level(logging.INFO, "drayage")
    shared = {"project": SHARED, "repo_url": f"^http://{github.host}/acme/", "repo_url_is_regex": True}
    name = f"app-{uuid4().hex[:8]}"
    await saved(name, **shared, **app(github_token_scopes='{"shop": ["web"]}'))
    assert (await lookup.credentials("shop")("git", f"http://{github.host}/acme/web")).password == "ghs-token-1"
    assert await lookup.credentials("shop")("git", f"http://{github.host}/acme/config") is None
    assert await lookup.credentials("desk")("git", f"http://{github.host}/acme/web") is None
    assert f"project desk may not open http://{github.host}/acme/web with credentials {name!r}" in caplog.messages
    await saved(name, **shared, **app(github_token_scopes='{"shop": '))
    await asyncio.sleep(0.25)
    with pytest.raises(Invalid, match=f"credentials '{name}' open nothing: their annotation .* is no JSON of projects"):
        await lookup.credentials("shop")("git", f"http://{github.host}/acme/web")
    assert github.issued == ["web"]


async def test_an_ssh_key_is_handed_on(saved, lookup):
    """In lines as ssh wants them, though it was pasted into one."""
    project = await saved(
        "acme-key", password="", ssh_private_key=ssh_pem().replace("\n", ""), known_hosts="git.example ssh-ed25519 AAAA"
    )
    found = await lookup.credentials(project)("git", URL)
    assert found.ssh_key.splitlines()[0] == "-----BEGIN OPENSSH PRIVATE KEY-----"
    assert found.ssh_key.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    assert (found.known_hosts, found.password) == ("git.example ssh-ed25519 AAAA", "")


async def test_two_kinds_in_one_block_are_refused(saved, lookup):
    """As a person may fill in the form of the Prefect UI."""
    project = await saved("acme-both", password="pw", ssh_private_key=ssh_pem())
    with pytest.raises(
        Invalid, match="'acme-both' cannot be used: sshPrivateKey makes this a user name and password and"
    ):
        await lookup.credentials(project)("git", URL)


async def test_blocks_of_before_and_unfit_ones(saved, lookup, caplog):
    """A document without the newer fields opens as before; one that makes no sense hides no other."""
    project = await saved("acme-token")
    async with get_client() as client:
        for name, changed in {"old": {"repo_url": URL + "2"}, "unfit": {"cred_type": "planted", "repo_url": 5}}.items():
            await saved(name)
            found = await client.read_block_document_by_name(
                block_name(project, name), "drayage-repository-credentials"
            )
            data = {"project": project, "secret_name": name, "cred_type": "git", "password": "pw"} | changed
            body = {"data": data, "merge_existing_data": False}
            (await client.request("PATCH", "/block_documents/{id}", path_params={"id": found.id}, json=body))
    find = lookup.credentials(project)
    assert (await find("git", URL)).name == "acme-token"
    assert (await find("git", URL + "2")).name == "old"
    (warning,) = {message for message in caplog.messages if "unfit" in message}
    assert (
        warning == f"block drayage-repository-credentials/{project}--unfit is not used: correct its cred_type, repo_url"
    )
