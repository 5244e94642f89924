"""No secret is anywhere it does not belong: a whole run with planted ones, then a search through everything.

Encrypted block documents hold them, so no plain text of them may be found: not in a file, a table, a commit or the
arguments of a process.
"""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from blocks.ledger.records import Phase
from deployments.machine import Machine
from deployments.refreshes import ask_refresh, wait_for_refresh
from deployments.requests import ask_promotion
from flows.promotion.admission import Wish
from tests.servers.github_app import GitHub
from tests.servers.guestbook import PASSWORD, TOKEN, USER, Guestbook, opened_guestbook
from tests.servers.keys import google_key, rsa, rsa_pem, ssh_pem
from tests.servers.recording import recording

GENERIC, WRONG, AWS = "planted-generic-5c20/+", "planted-wrong-e6d8", "planted/aws+4b1d"
KEYS = {"app": rsa_pem(0), "google": google_key("http://GITHUB/token"), "ssh": ssh_pem()}
LINES = (rsa_pem(0), rsa_pem(1), ssh_pem())
PLANTED = (PASSWORD, TOKEN, GENERIC, WRONG, AWS, *(text.splitlines()[2] for text in LINES))
"""Of a key one line, which is in the key however it is written."""

SECRETS = f"""
---
apiVersion: v1
kind: Secret
metadata: {{name: x, namespace: PROJECT, labels: {{kargo.akuity.io/cred-type: generic}}}}
stringData: {{key: {GENERIC}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: wrong-image, namespace: PROJECT, labels: {{kargo.akuity.io/cred-type: image}}}}
stringData: {{repoURL: HOST/other, username: {USER}, password: {WRONG}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: wrong-git, namespace: PROJECT, labels: {{kargo.akuity.io/cred-type: git}}}}
stringData: {{repoURL: 'http://HOST/git/other.git', username: {USER}, password: {WRONG}}}
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {{name: wrong, namespace: PROJECT}}
spec:
  subscriptions:
  - image: {{repoURL: HOST/other}}
  - git: {{repoURL: 'http://HOST/git/other.git'}}
"""

USES_SECRET = """\
  - uses: http
    as: tell
    config:
      url: http://${{ split(vars.image, '/')[0] }}/sandbox
      headers:
      - name: X-Key
        value: ${{ secret('x').key }}
  - uses: argocd-update
"""

KEY_ARGUMENT = """\
  args:
  - name: key
    valueFrom: {secretKeyRef: {name: x, key: key}}
"""

ASK = '{uses: http, config: {url: "ADDRESS"}}'
CLONE = '{uses: git-clone, config: {repoURL: "ADDRESS", checkout: [{branch: main, path: ./a}]}}'
KEY = "${{ secret('x').key }}"
KINDS = """
---
apiVersion: v1
kind: Secret
metadata: {name: app, namespace: PROJECT, labels: {kargo.akuity.io/cred-type: git}}
stringData:
  {repoURL: 'http://GITHUB/acme/web', githubAppID: '7', githubAppInstallationID: '42', githubAppPrivateKey: APP}
---
apiVersion: v1
kind: Secret
metadata: {name: google, namespace: PROJECT, labels: {kargo.akuity.io/cred-type: image}}
stringData: {repoURL: europe-docker.pkg.dev/acme/web, gcpServiceAccountKey: GOOGLE}
---
apiVersion: v1
kind: Secret
metadata: {name: ssh, namespace: PROJECT, labels: {kargo.akuity.io/cred-type: git}}
stringData:
  {repoURL: 'ssh://git@127.0.0.1:1/acme/web', sshPrivateKey: SSH, knownHosts: '[127.0.0.1]:1 ssh-ed25519 AAAA'}
---
apiVersion: v1
kind: Secret
metadata: {name: aws, namespace: PROJECT, labels: {kargo.akuity.io/cred-type: image}}
stringData: {repoURL: 'nowhere', awsRegion: eu-west-1, awsAccessKeyID: AKIA, awsSecretAccessKey: AWS}
"""

KINDS_WAREHOUSE = """
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {name: NAME, namespace: PROJECT}
spec: {subscriptions: [SUBSCRIPTION]}
"""

OPENED = {
    "app": "git: {repoURL: 'http://GITHUB/acme/web'}",
    "google": "image: {repoURL: europe-docker.pkg.dev/acme/web}",
    "ssh": "git: {repoURL: 'ssh://git@127.0.0.1:1/acme/web'}",
}
"""What is opened with the other kinds of credentials, which all fails."""

LEAKY = {
    "unreachable": ASK.replace("ADDRESS", f"http://127.0.0.1:1/?k={KEY}"),
    "password-in-url": ASK.replace("ADDRESS", f"http://u:{KEY}@127.0.0.1:1/{KEY}"),
    "refused": ASK.replace('ADDRESS"', f"http://HOST/nowhere?k={KEY}\", failureExpression: 'true'"),
    "bad-url": CLONE.replace("ADDRESS", f"http://u:{KEY}@HOST/git/guestbook.git"),
    "wrong-password": CLONE.replace("ADDRESS", "http://HOST/git/other.git"),
}
"""Steps that fail with a secret in their hands."""

STAGE = """
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Stage
metadata: {name: NAME, namespace: PROJECT}
spec:
  requestedFreight: [{origin: {kind: Warehouse, name: guestbook}, sources: {direct: true}}]
  promotionTemplate: {spec: {steps: [STEP]}}
"""


def _kinds(github: str) -> str:
    """Secrets of every kind and Warehouses that use them; Google's refuses, for nothing may be asked outside."""
    whole = KINDS + "".join(
        KINDS_WAREHOUSE.replace("NAME", name).replace("SUBSCRIPTION", f"{{{text}}}") for name, text in OPENED.items()
    )
    for name, text in KEYS.items():
        whole = whole.replace(f": {name.upper()}", f": {json.dumps(text)}")
    return whole.replace(": AWS", f": {AWS}").replace("GITHUB", github)


def _planting(project: str, github: str) -> Callable[[str], str]:
    """Edit the example so that it uses secrets wherever it may."""

    def edit(text: str) -> str:
        if "\nkind: Warehouse\n" in text:
            host = text.partition("repoURL: ")[2].partition("/guestbook")[0]
            stages = "".join(STAGE.replace("NAME", name).replace("STEP", step) for name, step in LEAKY.items())
            return text + (SECRETS + stages + _kinds(github)).replace("PROJECT", project).replace("HOST", host)
        text = text.replace("  - uses: argocd-update\n", USES_SECRET)
        text = text.replace("  args:\n  - name: app\n  metrics:", KEY_ARGUMENT + "  - name: app\n  metrics:")
        return text.replace(
            "        query: http_error",
            "        headers: [{key: X-Key, value: '{{args.key}}'}]\n        query: http_error",
        )

    return edit


@pytest.fixture
def github() -> Iterator[GitHub]:
    """GitHub Enterprise, which issues a token that opens an empty repository."""
    known = GitHub(lambda: datetime.now(UTC), {"7": rsa(0)})
    with recording(known.answer) as server:
        known.host = server.url.removeprefix("http://")
        yield known


@pytest.fixture
async def planted(machine: Machine, tmp_path: Path, github: GitHub) -> AsyncIterator[Guestbook]:
    """The example with secrets in every place that takes one."""
    project = f"planted-{uuid4().hex[:8]}"
    async with opened_guestbook(tmp_path, project, _planting(project, github.host)) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_no_secret_is_found_anywhere(planted: Guestbook, machine: Machine, github: GitHub):
    """After a run through a Stage, its verification, and every failure that holds a secret, none is in plain text."""
    async with _arguments_of_processes() as seen:
        messages = await _run_everything(planted)
    assert github.opened, "no token got as far as Git"
    forms = {form for secret in {*PLANTED, *github.tokens} for form in _forms(secret)}
    assert _among(forms, "\n".join(messages)) == set()
    assert "planted-generic" not in "\n".join(messages)

    assert _among(forms, "\n".join(seen)) == set(), "in the arguments of a process"
    assert any("git" in each for each in seen), "no process was seen at all"

    looked_at, found = await asyncio.to_thread(_in_files, machine.home, forms)
    assert found == []
    assert {"ledger.url", "worker.log", "prefect.log"} <= looked_at

    for name in ("DRAYAGE_LEDGER_URL", "PREFECT_API_DATABASE_CONNECTION_URL"):
        tables, rows = await _in_database(machine.env[name], forms)
        assert rows == []
        assert tables > 5
    for repository in (planted.folder / "sandbox" / "git").glob("*.git"):
        assert _among(forms, _history(repository)) == set()


def test_the_database_password_is_in_private_files_only(machine: Machine):
    """The embedded database's own password is where processes read it, readable by this user alone."""
    password = urlsplit(machine.env["DRAYAGE_LEDGER_URL"]).password
    assert password
    _, found = _in_files(machine.home, {password})
    # Root's PostgreSQL keeps its own file beside data that lie elsewhere, see deployments/postgres.py.
    assert "ledger.url" in {Path(each).name for each in found} <= {"ledger.url", "password"}
    assert all((machine.home / each).stat().st_mode & 0o077 == 0 for each in found)
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(password.encode() in each for each in running)


async def _run_everything(planted: Guestbook) -> list[str]:
    """Promote, verify and fail; returns what was said about it."""
    here, project = planted.here, planted.project
    freight = await planted.push("1.0.0")
    await planted.verified(freight, "test", 90)
    done = await planted.promotion(freight, "test")
    steps = {each.alias: each.status for each in await here.ledger.promotions.steps(project, done.name)}
    assert steps["promote::tell"] == "Succeeded", steps
    said = []
    for name in LEAKY:
        record = await ask_promotion(here, Wish(project, name, "user:test", freight.name))
        ended = await planted.ended(record, 120)
        assert ended.phase in (Phase.FAILED, Phase.ERRORED), (name, ended)
        said.append(ended.message)
    status = await wait_for_refresh(here, project, "wrong", await ask_refresh(here, project, "wrong"), 90)
    wrong = [each["message"] for each in status.conditions]
    said += wrong
    for name, expected in {"app": "not found", "google": "gcpServiceAccountKey", "ssh": "127.0.0.1"}.items():
        status = await wait_for_refresh(here, project, name, await ask_refresh(here, project, name), 90)
        messages = [each["message"] for each in status.conditions]
        assert any(expected in message for message in messages), (name, messages)
        said += messages
    for message in (said[list(LEAKY).index("wrong-password")], wrong[-1]):
        assert "401" in message or "credentials" in message, said
    return said


def _forms(secret: str) -> set[str]:
    """A secret as it may be written: plain, in a URL, in basic authentication, as base64."""
    basic = {base64.b64encode(f"{user}:{secret}".encode()).decode() for user in (USER, "u", "x-access-token")}
    return {secret, quote(secret, safe=""), quote(secret), base64.b64encode(secret.encode()).decode()} | basic


def _among(forms: set[str], text: str) -> set[str]:
    return {form for form in forms if form in text}


@asynccontextmanager
async def _arguments_of_processes() -> AsyncIterator[set[str]]:
    """Collect the arguments of all processes while the body runs."""
    seen: set[str] = set()

    def look() -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue

    async def watch() -> None:
        while True:
            await asyncio.to_thread(look)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()


def _in_files(home: Path, forms: set[str]) -> tuple[set[str], list[str]]:
    """The names of all files below a home, and the paths of those that hold one of the texts."""
    looked_at: set[str] = set()
    found = []
    for path in home.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except OSError:
            continue  # removed meanwhile: the work of a run that has just ended
        looked_at.add(path.name)
        if any(form.encode() in content for form in forms):
            found.append(str(path.relative_to(home)))
    return looked_at, found


async def _in_database(url: str, forms: set[str]) -> tuple[int, list[str]]:
    """How many tables there are, and the rows of any of them that hold one of the texts."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = []
        for (table,) in tables:
            held = "EXISTS (SELECT FROM unnest($1::text[]) AS form WHERE strpos(t::text, form) > 0)"
            query = f'SELECT left(t::text, 300) FROM "{table}" t WHERE {held}'
            patterns = [
                "%" + form.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "%" for form in forms
            ]
            found += [f"{table}: {row[0]}" for row in await connection.fetch(query, patterns)]
        return len(tables), found
    finally:
        await connection.close()


def _history(repository: Path) -> str:
    """Everything a repository ever held: messages, authors, files."""
    arguments = ["git", "-C", str(repository), "log", "--all", "-p", "--format=fuller"]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout
