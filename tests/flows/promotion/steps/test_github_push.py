"""github-push against the sandbox's GitHub: commits made by its REST API over a real repository."""

from dataclasses import dataclass, replace

import pytest

from blocks.errors import Terminal, Unauthorized
from blocks.git import push
from blocks.git.committing import Committing
from blocks.git.mirror import Mirrors
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.server import Sandbox
from flows.promotion.result import Failed, Succeeded
from flows.promotion.steps import github_push
from tests.flows.promotion.steps.git_promotion import STEPS, Promotion
from tests.servers.git_http import run
from tests.servers.gpg_keys import new_signing_key

NAME, USER, TOKEN = "acme/app", "keeper", "planted-token-77aa"
CREDENTIALS = Credentials("keeper", USER, TOKEN)
FIRST = {"values.yaml": "tag: v1\nother: 1\n\n\n\n\nlast: 1\n", "docs/a.md": "a"}


@dataclass
class Host(Promotion):
    """A promotion beside the sandbox's GitHub."""

    web: Web | None = None
    credentials: Credentials | None = CREDENTIALS

    @property
    def bare(self):
        return self.server.world.git.path(NAME)

    def context(self, alias):
        async def find(cred_type, repo_url):
            return self.credentials if repo_url.startswith("http") else None

        return replace(super().context(alias), credentials=find, ask=self.web.request)

    def config(self, kind, config):
        if kind == "git-clone":
            config = {"repoURL": f"{self.server.url}/{NAME}.git"} | config
        return (STEPS | {"github-push": github_push})[kind].Config.model_validate(config)

    async def push(self, **config):
        return await github_push.run(self.config("github-push", {"path": "src"} | config), self.context("github-push"))

    def log(self, form, ref="main"):
        return run("log", "-1", f"--format={form}", ref, cwd=self.bare)

    def house(self, **committing):
        self.mirrors = Mirrors(
            self.mirrors.root, allow_plain_http_credentials=True, timeout=20, committing=Committing(**committing)
        )


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait hundredths of the time between two tries."""
    monkeypatch.setattr(push, "FIRST_PAUSE", 0.02)


@pytest.fixture(scope="module")
def key():
    """Ana's key."""
    with new_signing_key() as made:
        yield made


@pytest.fixture
async def host(tmp_path):
    """A repository on the sandbox's GitHub, and a promotion that has not run any step."""
    web = Web(allow_plain_http_credentials=True)
    async with Sandbox(tmp_path / "sandbox", users={USER: TOKEN}) as sandbox:
        await sandbox.create_repository(NAME, FIRST)
        work_dir = tmp_path / "work"
        work_dir.mkdir()
        place = Host(sandbox, work_dir, Mirrors(tmp_path / "mirrors"), web=web)
        place.house()
        yield place
        await web.aclose()


async def changed(host, **config):
    """Clone, change and commit."""
    await host.run("git-clone", checkout=[{"branch": "main", "path": "src"}], **config)
    host.write("tag: v2\nother: 1\n\n\n\n\nlast: 1\n")
    return await host.run("git-commit", path="src", message="Promote v2")


def author(key, name="Ana Silva"):
    return {"name": name, "email": "ana@example.com", "signingKey": key.text}


def is_verified(host, commit):
    return "\ngpgsig " in run("cat-file", "commit", commit, cwd=host.bare)


async def test_a_trusted_commit_is_made_by_github_and_verified(host, key):
    """It loses its author to the token's account, keeps message and trailers, and the checkout stands on it."""
    committed = await changed(host, author=author(key))
    result = await host.push()
    tip = run("rev-parse", "main", cwd=host.bare)
    assert result.outputs["commit"] == tip != committed.outputs["commit"]
    assert result.outputs["branch"] == "main"
    assert result.outputs["commitURL"].endswith(f"/acme/app/commit/{tip}")
    assert is_verified(host, tip)
    assert (host.log("%an|%cn"), host.log("%s")) == ("sandbox-bot|GitHub", "Promote v2")
    assert "Drayage-Promotion: test.01abc.f00" in host.log("%B")
    assert "Co-authored-by" not in host.log("%B")
    assert run("rev-parse", "HEAD", cwd=host.work_dir / "src") == tip
    assert run("show", "main:values.yaml", cwd=host.bare).startswith("tag: v2")
    assert run("for-each-ref", "refs/kargo", cwd=host.bare) == ""


async def test_an_author_who_did_not_sign_becomes_co_author(host, key):
    """The trailer stands among the others."""
    await changed(host, author=author(key, "Bo Berg"))
    await host.push()
    trailers = host.log("%(trailers:only)").strip().split("\n")
    assert trailers[-1] == "Co-authored-by: Bo Berg <ana@example.com>"
    assert trailers[0] == "Drayage-Project: demo"


async def test_an_untrusted_commit_keeps_its_author_and_is_not_verified(host):
    """Nobody's name is put under what nobody signed."""
    committed = await changed(host)
    result = await host.push()
    assert not is_verified(host, result.outputs["commit"])
    assert host.log("%an <%ae> %at") == "Drayage <no-reply@drayage.dev> 1748779260"
    assert result.outputs["commit"] == committed.outputs["commit"]  # the very same commit, made again


async def test_the_operator_may_have_untrusted_commits_verified(host):
    """Then the author is named as co-author."""
    host.house(verify_untrusted=True)
    await changed(host)
    result = await host.push()
    assert is_verified(host, result.outputs["commit"])
    assert "Co-authored-by: Drayage <no-reply@drayage.dev>" in host.log("%B")


async def test_a_branch_that_moved_is_integrated(host, key):
    """Ours comes on top of theirs, verified."""
    await changed(host, author=author(key))
    theirs = await host.server.commit(NAME, {"docs/b.md": "b"}, "theirs")
    result = await host.push()
    assert run("rev-parse", "main~1", cwd=host.bare) == theirs
    assert is_verified(host, result.outputs["commit"])


async def test_a_conflict_fails_with_the_files(host):
    """A person must decide."""
    await changed(host)
    await host.server.commit(NAME, {"values.yaml": "tag: v3"}, "theirs")
    result = await host.push()
    assert isinstance(result, Failed)
    assert "meanwhile in values.yaml" in result.message


@pytest.mark.parametrize("signed", [False, True])
async def test_pushed_again_after_a_kill_it_is_found(host, key, signed):
    """What GitHub made before the worker died counts, though it has another id and others came on top."""
    config = {"author": author(key)} if signed else {}
    await changed(host, **config)
    first = await host.push()
    await host.server.commit(NAME, {"docs/b.md": "b"}, "later")
    start = run("rev-parse", "main~2", cwd=host.bare)
    host.lose()
    await host.restore("git-clone", {"commits": {"src": start}}, checkout=[{"branch": "main", "path": "src"}], **config)
    host.write("tag: v2\nother: 1\n\n\n\n\nlast: 1\n")
    await host.run("git-commit", path="src", message="Promote v2")
    again = await host.push()
    assert (again.outputs, again.message) == (first.outputs, "already there")
    assert run("rev-list", "--count", "main", cwd=host.bare) == "3"


async def test_a_generated_branch_is_made_and_replaced(host, key):
    """A new branch begins with our commits; a second push of the same finds it."""
    await changed(host, author=author(key))
    branch = "kargo/promotion/test.01abc.f00"
    first = await host.push(generateTargetBranch=True)
    assert first.outputs["branch"] == branch
    assert run("rev-parse", branch, cwd=host.bare) == first.outputs["commit"]
    assert is_verified(host, branch)
    host.write("tag: v4\n")
    await host.run("git-commit", alias="more", path="src", message="Promote v4")
    second = await host.push(generateTargetBranch=True)
    assert run("rev-parse", branch, cwd=host.bare) == second.outputs["commit"]
    assert run("rev-list", "--count", branch, cwd=host.bare) == "3"


async def test_more_commits_than_allowed_are_refused(host):
    """The limit is the operator's; nothing is sent."""
    host.house(api_commits=1)
    await changed(host)
    host.write("tag: v3\n")
    await host.run("git-commit", alias="more", path="src", message="Promote v3")
    result = await host.push()
    assert isinstance(result, Failed)
    assert "more than 1 commits" in result.message
    assert run("rev-list", "--count", "main", cwd=host.bare) == "1"


async def test_without_a_token_there_is_nobody_to_sign_for(host):
    """The sentence says what credentials it takes."""
    await changed(host)
    host.credentials = None
    with pytest.raises(Unauthorized, match="give a token or a GitHub App"):
        await host.push()


async def test_what_github_refuses_is_told_in_its_words(host):
    """A refusal that no other try would change ends the step, and the staging ref is gone."""
    await changed(host)
    with pytest.raises(Terminal, match=r"refused to move branch .*Reference update failed"):
        await host.push(targetBranch="x..y")
    assert run("for-each-ref", "refs/kargo", cwd=host.bare) == ""


async def test_it_is_once_is_enough(host):
    """The same push again changes nothing."""
    await changed(host)
    first = await host.push()
    assert await host.push() == Succeeded(first.outputs, "already there")
