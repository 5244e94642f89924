"""A ledger and clients of its own for each test of discovery, and servers that ask for a password."""

import pytest

from blocks.git.mirror import Mirrors
from blocks.ledger.ledger import Ledger
from tests.flows.warehouse.looking import ANA, AUTH, Looker, quick_registry
from tests.servers.git_http import git_server
from tests.servers.registry import delete_image, docker_registry, push_image


@pytest.fixture
async def looker(tmp_path, sqlite_ledger_url):
    """Looks at Warehouses with an empty ledger, empty mirrors and no credentials."""
    ledger, registry = await Ledger.open(sqlite_ledger_url), quick_registry()
    mirrors = Mirrors(tmp_path / "mirrors", allow_plain_http_credentials=True, timeout=3, memory=0.0)
    yield Looker(ledger, registry, mirrors)
    await registry.aclose()
    await ledger.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry that asks for a password; each test has its own repository."""
    with docker_registry(tmp_path_factory.mktemp("registry"), dict([AUTH])) as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Git server that asks for a password; each test has its own repository."""
    with git_server(tmp_path_factory.mktemp("git"), dict([AUTH])) as opened:
        yield opened


@pytest.fixture
def password_known(looker):
    """Let the looker know the password."""
    looker.credentials = {"git": ANA, "image": ANA}


@pytest.fixture
def repo(registry, request):
    """This test's image repository, and how to push to it."""
    name = request.node.originalname.replace("_", "-")

    def push(tag, **more):
        return push_image(registry, name, tag, auth=AUTH, **more)

    push.url = f"{registry}/{name}"
    push.delete = lambda digest: delete_image(registry, name, digest, AUTH)
    return push


@pytest.fixture
def config(server, request):
    """This test's Git repository, and how to commit to it."""
    name = f"{request.node.originalname}.git"
    url = server.create(name)

    def commit(files, **more):
        return server.commit(files, name=name, **more)

    commit.url = url
    return commit
