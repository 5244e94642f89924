"""How servers are reached, by both ways: certificates, paths of proxies, redirects, tokens that may not be shown."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from blocks.argocd import ArgoCD
from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection, refuse_in_clear
from blocks.errors import Invalid, Refused, Unauthorized
from tests.servers.odd import Odd

APPLICATION = {"metadata": {"namespace": "argocd", "name": "web"}, "spec": {}}
BLOCKS = {"kubernetes": ArgoCDConnection, "rest": ArgoCDApiConnection}


@pytest.fixture(params=list(BLOCKS))
def block(request):
    """Each test once for each type of block."""
    return BLOCKS[request.param]


def certificate(folder, *names):
    """A server's TLS, and the PEM text of its certificate, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "argo")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text = made.public_bytes(pem)
    (folder / "tls.pem").write_bytes(key.private_bytes(pem, *plain) + text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context, text.decode()


@asynccontextmanager
async def serving(answer, tls=None):
    """A server that answers as it is told; yields it, its `address` with the scheme."""
    odd = Odd(answer=answer)
    opened = await asyncio.start_server(odd.serve, "127.0.0.1", 0, ssl=tls)
    odd.address = f"{'https' if tls else 'http'}://127.0.0.1:{opened.sockets[0].getsockname()[1]}"
    async with opened:
        yield odd


async def web(request):
    """The Application web, whatever is asked."""
    return 200, {}, APPLICATION


def connect(block, server, **more):
    """A connection as the block makes it."""
    return block(server=server, token=SecretStr("s3cret"), **more).connect()


async def get(connected):
    """Ask for web, and give the connections back."""
    try:
        return await connected.get("argocd", "web")
    finally:
        await connected.close()


async def test_certificates(block, tmp_path):
    """A certificate is checked: refused when unknown, fine with its authority, and unlooked at when that is asked."""
    tls, authority = certificate(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    async with serving(web, tls) as server:
        with pytest.raises(Refused, match=r"get Application argocd/web.*not trusted.*into the connection's block"):
            await get(connect(block, server.address))
        assert server.asked == [], "no token has left"
        assert await get(connect(block, server.address, ca_certificate=authority)) == APPLICATION
        assert await get(connect(block, server.address, insecure_skip_tls_verify=True)) == APPLICATION
    with pytest.raises(Invalid, match="certificate"):
        connect(block, "https://127.0.0.1", ca_certificate="nonsense")


async def test_a_watch_checks_certificates_too(block, tmp_path):
    """A stream is no way around."""
    tls, _ = certificate(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    async with serving(web, tls) as server:
        connected = connect(block, server.address)
        stream = connected.feed("argocd")._source.watch("argocd", "1")
        with pytest.raises(Refused, match="not trusted"):
            await anext(stream)
        await connected.close()


async def test_the_name_in_a_kubeconfig(tmp_path):
    """`tls-server-name` is the name that the certificate must have, whatever the address."""
    tls, authority = certificate(tmp_path, x509.DNSName("kubernetes"))
    (tmp_path / "ca.pem").write_text(authority)
    async with serving(web, tls) as server:
        cluster = {"server": server.address, "certificate-authority": str(tmp_path / "ca.pem")}
        for name, allowed in (("kubernetes", True), ("other", False)):
            kubeconfig = {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": cluster | {"tls-server-name": name}}],
                "users": [{"name": "me", "user": {"token": "s3cret"}}],
            }
            asked = get(ArgoCD.from_kubeconfig(kubeconfig))
            if allowed:
                assert await asked == APPLICATION
            else:
                with pytest.raises(Refused, match="not trusted"):
                    await asked


async def test_a_path_before_all_paths(block):
    """A server behind a proxy's path is asked below it, for streams too."""
    async with serving(web) as server:
        connected = connect(block, f"{server.address}/k8s/clusters/c-1/")
        assert await connected.get("argocd", "web") == APPLICATION
        async for seen in connected.feed("argocd")._source.watch("argocd", "1"):
            assert seen.kind == "OPENED"
            break
        await connected.close()
        assert all(each.path.startswith("/k8s/clusters/c-1/api") for each in server.asked)
        assert {each.headers["authorization"] for each in server.asked} == {"Bearer s3cret"}


async def test_a_redirect_is_not_followed(block):
    """A server that sends elsewhere gets no second request: the sentence says where to, and nothing of a secret."""

    async def elsewhere(request):
        return 307, {"location": "https://argocd.example.com/api?token=s3cret"}, {}

    async with serving(elsewhere) as server:
        with pytest.raises(Invalid, match=r"answered 307.*'https://argocd.example.com/api': let the connection's 'ser"):
            await get(connect(block, server.address))
        assert len(server.asked) == 1


async def test_a_token_that_has_expired(block):
    """401 is final and says what to do; once the block has a new token, asking goes on."""

    async def expiring(request):
        opened = request.headers["authorization"] == "Bearer new"
        return (200, {}, APPLICATION) if opened else (401, {}, {"message": "token is expired"})

    async with serving(expiring) as server:
        with pytest.raises(Unauthorized, match="answered 401 token is expired: check the token") as error:
            await get(connect(block, server.address))
        assert "s3cret" not in str(error.value)
        assert await get(block(server=server.address, token=SecretStr("new")).connect()) == APPLICATION


@pytest.mark.parametrize("token", ["s3\ncret", "s3cr\u00e4t", "s3cret\0"])
async def test_a_token_that_cannot_be_sent(block, token):
    """What no header may hold is said without showing it, for a request and for a stream."""
    async with serving(web) as server:
        connected = block(server=server.address, token=SecretStr(token)).connect()
        for asked in (connected.get("argocd", "web"), anext(connected.feed("argocd")._source.watch("argocd", "1"))):
            with pytest.raises(Invalid, match="check it for blanks and line ends") as error:
                await asked
            assert "s3" not in str(error.value)
        await connected.close()
        assert await get(block(server=server.address, token=SecretStr(" s3cret\n")).connect()) == APPLICATION
        assert server.asked[-1].headers["authorization"] == "Bearer s3cret"


def test_tokens_over_plain_http(block):
    """A token over plain http is refused where nobody allowed it, whatever the case; without a token there is none."""
    refuse_in_clear(connect(block, "https://argo").asking)
    with pytest.raises(Refused, match="DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP") as error:
        refuse_in_clear(connect(block, "HTTP://argo").asking)
    assert "s3cret" not in str(error.value)
    refuse_in_clear(ArgoCDConnection(server="http://argo").connect().asking)


@pytest.mark.parametrize("server", ["argocd.example.com", "ftp://argo", "//argo"])
def test_what_is_no_address(block, server):
    """A server without https:// is said when the connection is made, not tried."""
    with pytest.raises(Invalid, match="write it with https:// before it"):
        connect(block, server)


def test_an_address_with_a_password(block):
    """What is before an @ in the address would show in messages, so it is refused without showing it."""
    with pytest.raises(Invalid, match="write the address alone") as error:
        connect(block, "https://ana:s3cret@argocd.example.com")
    assert "s3cret" not in str(error.value)
