"""What goes wrong with Git over TLS and ssh, through to the sentence in the Warehouse's condition."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest

from tests.flows.warehouse.looking import git, warehouse
from tests.servers.git_http import GitServer, git_server, self_signed
from tests.servers.git_ssh import new_key, ssh_server, written


@asynccontextmanager
async def behind_tls(server, tls: ssl.SSLContext):
    """Put a server behind a certificate; yields the URL."""
    port = int(server.base.rpartition(":")[2])

    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connect(reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))

    front = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://127.0.0.1:{front.sockets[0].getsockname()[1]}/config.git"
    finally:
        front.close()


async def test_a_certificate_nobody_trusts(looker, tmp_path):
    """The condition names the certificate; with `insecureSkipTLSVerify` the same repository is read."""
    with git_server(tmp_path / "server") as server:
        server.create()
        server.commit({"a": "1"})
        async with behind_tls(server, self_signed(tmp_path)) as url:
            await looker.look(warehouse(git(url)))
            status, reason, message = await looker.condition(warehouse(git(url)))
            assert (status, reason) == ("False", "DiscoveryFailed")
            assert "certificate is not trusted: install its CA, or set insecureSkipTLSVerify" in message
            trusting = warehouse(git(url, insecureSkipTLSVerify=True), generation=2)
            assert (await looker.look(trusting, 30)).content["commits"][0]["id"] == server.tip()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"ssh_key": ""}, "hold no sshPrivateKey", id="no-key"),
        pytest.param({"ssh_key": written(new_key())}, "check credentials 'deploy-key'", id="wrong-key"),
        pytest.param({"known_hosts": ""}, "add knownHosts", id="no-known-hosts"),
        pytest.param({"known_hosts": "other ssh-ed25519 AAAA"}, "add the line that ssh-keyscan prints", id="unknown"),
        pytest.param({"known_hosts": None}, "somebody may be listening", id="changed-host-key"),
    ],
)
async def test_ssh_refusals_are_said_and_over_once_mended(looker, tmp_path, changed, sentence):
    """Each refusal is in the condition with what to do; with the right Secret Freight is made."""
    (tmp_path / "root").mkdir()
    files = GitServer("", tmp_path / "root", tmp_path)
    files.create()
    tip = files.commit({"a": "1"})
    async with ssh_server(files.root) as server:
        if "known_hosts" in changed and changed["known_hosts"] is None:
            changed = {"known_hosts": server.known_hosts(new_key())}
        definition = warehouse(git(server.url()))
        looker.credentials = {"git": server.credentials(**changed)}
        assert await looker.look(definition) is None
        status, reason, message = await looker.condition(definition)
        assert (status, reason) == ("False", "DiscoveryFailed")
        assert sentence in message
        looker.credentials = {"git": server.credentials()}
        assert (await looker.look(definition, 30)).content["commits"][0]["id"] == tip
