"""A real Git server over HTTP for the tests, and one that misbehaves on request."""

import http.server
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployments.processes import free_port
from tests.components import program

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ana Silva",
    "GIT_AUTHOR_EMAIL": "ana@example.com",
    "GIT_COMMITTER_NAME": "Ana Silva",
    "GIT_COMMITTER_EMAIL": "ana@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

CONFIG = """
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/error.log"
server.upload-dirs = ("{folder}")
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
alias.url = ("/" => "{backend}/")
cgi.assign = ("" => "")
setenv.add-environment = (
  "GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1",
  "GIT_CONFIG_GLOBAL" => "/dev/null", "GIT_TRACE2" => "{folder}/trace"
)
"""

AUTH = """
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
"""


def run(*args: str, cwd: Path | None = None, date: str = "2025-06-01T12:00:00Z", given: str | None = None) -> str:
    """Run Git as Ana, as a person beside the system under test would."""
    env = os.environ | IDENTITY | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    done = subprocess.run(["git", *args], cwd=cwd, env=env, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class GitServer:
    """A running server: `url` of a repository, `root` of the bare repositories."""

    base: str
    root: Path
    folder: Path

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"{self.base}/{name}"

    def create(self, name: str = "config.git") -> str:
        """Make an empty repository anybody may push to and return its URL."""
        path = self.root / name
        run("init", "--quiet", "--bare", "--initial-branch=main", str(path))
        run("config", "http.receivepack", "true", cwd=path)
        run("config", "uploadpack.allowAnySHA1InWant", "true", cwd=path)
        return self.url(name)

    def commit(
        self,
        files: dict[str, str | None],
        message: str = "change",
        *,
        name: str = "config.git",
        branch: str = "main",
        date: str = "2025-06-01T12:00:00Z",
    ) -> str:
        """Let somebody else commit to a branch directly in the bare repository; None deletes a file."""
        path = self.root / name
        parent = f"refs/heads/{branch}" if run("for-each-ref", f"refs/heads/{branch}", cwd=path) else ""
        lines = [f"commit refs/heads/{branch}", "committer Ana Silva <ana@example.com> now", "data <<M", message, "M"]
        lines += [f"from {parent}^0"] if parent else []
        for file, text in files.items():
            lines += [f"D {file}"] if text is None else [f"M 100644 inline {file}", "data <<X", text, "X"]
        run("fast-import", "--quiet", "--date-format=now", cwd=path, given="\n".join([*lines, ""]), date=date)
        return self.tip(branch, name)

    def tip(self, branch: str = "main", name: str = "config.git") -> str:
        """Return the commit of a branch."""
        return run("rev-parse", f"refs/heads/{branch}", cwd=self.root / name)

    def show(self, what: str, name: str = "config.git") -> str:
        """Return a file (`main:path`) or a commit's message as stored on the server."""
        return run("show", what, cwd=self.root / name)

    def count(self, branch: str = "main", name: str = "config.git") -> int:
        """Return the number of commits of a branch."""
        return int(run("rev-list", "--count", f"refs/heads/{branch}", cwd=self.root / name))

    def downloads(self) -> int:
        """Return how often the server has put together a pack for somebody."""
        return self._started("pack-objects")

    def pushes(self) -> int:
        """Return how often something was sent to the server."""
        return self._started("receive-pack --stateless-rpc")

    def _started(self, command: str) -> int:
        trace = self.folder / "trace"
        starts = (line for line in trace.read_text().splitlines() if " start " in line) if trace.exists() else ()
        return sum(command in line for line in starts)


@contextmanager
def git_server(folder: Path, users: dict[str, str] | None = None) -> Iterator[GitServer]:
    """Serve bare repositories from `folder`/repositories by lighttpd and Git's own backend."""
    lighttpd, port = program("lighttpd"), free_port()
    root = folder / "repositories"
    root.mkdir(parents=True)
    backend = Path(run("--exec-path")) / "git-http-backend"
    config = CONFIG.format(root=root, port=port, folder=folder, backend=backend)
    if users:
        (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        config += AUTH.format(folder=folder)
    (folder / "lighttpd.conf").write_text(config)
    modules = lighttpd.parents[1] / "lib" / "lighttpd"
    found = ["-m", str(modules)] if modules.exists() else []
    server = subprocess.Popen(
        [lighttpd, "-D", "-f", folder / "lighttpd.conf", *found],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _wait(port, server)
        yield GitServer(f"http://127.0.0.1:{port}", root, folder)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert server.poll() is None, server.stderr and server.stderr.read().decode()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("lighttpd did not start")


@dataclass
class BadServer:
    """A server that knows one answer; `seen` holds the headers of every request."""

    url: str
    seen: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def bad_server(
    status: int = 200,
    body: bytes = b"",
    *,
    delay: float = 0.0,
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[BadServer]:
    """Answer every request the same way, after `delay` seconds. `{path}` in a header is the path asked for."""
    released = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bad.seen.append(dict(self.headers))
            released.wait(delay)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value.replace("{path}", self.path))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bad = BadServer(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}")
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield bad
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS with a certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.pem").write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context
