"""Commits and tags signed with a key of git-clone or of the operator, and what that means for a branch that moved."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from blocks.errors import Invalid, Refused
from blocks.git import push
from blocks.git.committing import Committing
from blocks.git.integration import Policy
from blocks.git.mirror import Mirrors
from flows.promotion.result import Failed, Succeeded
from flows.promotion.steps import git_clone
from tests.flows.promotion.steps.git_promotion import promotion, server  # noqa: F401
from tests.servers.git_http import run
from tests.servers.gpg_keys import new_signing_key


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait hundredths of the time between two tries."""
    monkeypatch.setattr(push, "FIRST_PAUSE", 0.02)


@pytest.fixture(scope="module")
def key():
    """Ana's key."""
    with new_signing_key() as made:
        yield made


@pytest.fixture(scope="module")
def other_key():
    """Somebody else's key, which nobody here trusts."""
    with new_signing_key("Eve", "eve@example.com") as made:
        yield made


def author(key):
    return {"name": "Ana Silva", "email": "ana@example.com", "signingKey": key.text}


async def changed(place, **config):
    """Clone, change and commit."""
    await place.run("git-clone", checkout=[{"branch": "main", "path": "src"}], **config)
    place.write("tag: v2\nother: 1\n\n\n\n\nlast: 1\n")
    return await place.run("git-commit", path="src", message="Promote v2")


def house(place, **committing):
    """The promotion on a worker whose operator says how to commit."""
    place.mirrors = Mirrors(place.mirrors.root, timeout=20, committing=Committing(**committing))
    return place


async def test_commits_and_tags_are_signed_by_the_given_key(promotion, server, key):  # noqa: F811
    """What reaches the remote verifies with nothing but the public key, by the author's name."""
    committed = await changed(promotion, author=author(key))
    await promotion.run("git-tag", path="src", tag="v2", message="two")
    await promotion.run("git-push", path="src")
    await promotion.run("git-push", alias="tag", path="src", tag="v2")
    bare = server.root / "config.git"
    assert server.tip() == committed.outputs["commit"]
    key.verify("main", bare)
    key.verify("v2", bare, "tag")
    assert key.status("main", bare) == "G Ana Silva <ana@example.com>"


async def test_a_branch_that_is_made_begins_with_a_signed_commit(promotion, server, key):  # noqa: F811
    """`create` pushes a commit like any other."""
    await promotion.run("git-clone", checkout=[{"branch": "env", "path": "src", "create": True}], author=author(key))
    key.verify("env", server.root / "config.git")


async def test_a_rebased_commit_is_signed_again(promotion, server, key):  # noqa: F811
    """After somebody else's push the commit has another id and a good signature."""
    committed = await changed(promotion, author=author(key))
    server.commit({"docs/b.md": "b"}, "theirs")
    result = await promotion.run("git-push", path="src")
    assert server.tip() == result.outputs["commit"] != committed.outputs["commit"]
    key.verify("main", server.root / "config.git")


async def test_made_again_elsewhere_it_is_the_same_commit_and_tag(promotion, server, key, tmp_path):  # noqa: F811
    """A rebuilt machine has the key again, makes what was made, and finds what was pushed."""
    cloned = await promotion.clone()
    config = {"checkout": [{"branch": "main", "path": "src"}], "author": author(key)}
    committed = await changed(promotion, author=author(key))
    await promotion.run("git-tag", path="src", tag="v2", message="two")
    await promotion.run("git-push", path="src", tag="v2")
    other = promotion.elsewhere(tmp_path / "other")
    await other.restore("git-clone", cloned.outputs, **config)
    other.write("tag: v2\nother: 1\n\n\n\n\nlast: 1\n")
    assert await other.run("git-commit", path="src", message="Promote v2") == committed
    await other.run("git-tag", path="src", tag="v2", message="two")
    assert (await other.run("git-push", path="src", tag="v2")).message == "already there"


async def test_the_operators_key_signs_where_no_author_is_named(promotion, server, key, tmp_path):  # noqa: F811
    """Settings name the author and a file with the key; a step's own author signs with its own key or not at all."""
    file = tmp_path / "key.asc"
    file.write_text(key.text)
    house(promotion, name="Ana Silva", email="ana@example.com", key_file=file)
    await changed(promotion)
    await promotion.run("git-push", path="src")
    bare = server.root / "config.git"
    assert key.status("main", bare) == "G Ana Silva <ana@example.com>"
    await promotion.run("git-clone", checkout=[{"branch": "main", "path": "src"}], author={"name": "Bo"})
    promotion.write("tag: v3")
    await promotion.run("git-commit", alias="again", path="src", message="Promote v3")
    await promotion.run("git-push", alias="again", path="src")
    assert key.status("main", bare).strip() == "N"


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_key_signs_nothing(promotion, text):  # noqa: F811
    """A Secret without a key is as no key."""
    await changed(promotion, author={"signingKey": text})
    assert run("log", "-1", "--format=%G?", cwd=promotion.work_dir / "src") == "N"


async def test_the_key_is_nowhere_a_step_could_read_it(promotion, key):  # noqa: F811
    """It lies beside the working directory for its owner alone; no ring and no agent stay; no text shows it."""
    result = await changed(promotion, author=author(key))
    secret = key.text.splitlines()[3]
    files = [file for file in promotion.work_dir.rglob("*") if file.is_file()]
    assert not any(secret.encode() in file.read_bytes() for file in files)
    kept = list(promotion.work_dir.with_name("work.keys").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in (kept[0], kept[0].parent)] == [0o600, 0o700]
    assert not list(Path(tempfile.gettempdir()).glob("drayage-gpg-*"))
    config = git_clone.Config.model_validate(
        {"repoURL": "https://x/y", "checkout": [{"path": "a"}], "author": author(key)}
    )
    assert secret not in repr(config) + repr(result) + repr(config.author.key)


async def test_a_key_with_a_passphrase_is_refused_at_the_clone(promotion):  # noqa: F811
    """Nobody is there to type it, and nothing waits for somebody."""
    with new_signing_key(passphrase="open sesame") as locked, pytest.raises(Invalid, match="has a passphrase"):
        await changed(promotion, author=author(locked))


async def test_without_gpg_signing_says_what_to_install(promotion, key, monkeypatch, tmp_path):  # noqa: F811
    """One sentence, at the step that names the key; all else works without gpg."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Refused, match="gpg, which is not installed: install GnuPG"):
        await changed(promotion, author=author(key))
    assert isinstance(await changed(promotion), Succeeded)


POLICIES = [
    pytest.param(Policy.ALWAYS_REBASE, "rebased", id="AlwaysRebase"),
    pytest.param(Policy.REBASE_OR_MERGE, "rebased", id="RebaseOrMerge"),
    pytest.param(Policy.REBASE_OR_FAIL, "rebased", id="RebaseOrFail"),
    pytest.param(Policy.ALWAYS_MERGE, "merged", id="AlwaysMerge"),
]


@pytest.mark.parametrize(("policy", "expected"), POLICIES)
@pytest.mark.parametrize("signing", [False, True], ids=["unsigned", "signed"])
async def test_policies_where_a_rebase_is_safe(promotion, server, key, policy, expected, signing):  # noqa: F811
    """All but AlwaysMerge rebase; a merge keeps our commit as it was, below one of ours that names the promotion."""
    house(promotion, policy=policy)
    committed = await changed(promotion, **({"author": author(key)} if signing else {}))
    theirs = server.commit({"docs/b.md": "b"}, "theirs")
    result = await promotion.run("git-push", path="src")
    bare, tip = server.root / "config.git", server.tip()
    parents = run("log", "-1", "--format=%P", cwd=bare).split()
    assert result.outputs["commit"] == tip == run("rev-parse", "HEAD", cwd=promotion.work_dir / "src")
    assert parents == ([theirs] if expected == "rebased" else [theirs, committed.outputs["commit"]])
    assert (server.show("main:docs/b.md"), server.show("main:values.yaml").split("\n")[0]) == ("b", "tag: v2")
    assert promotion.name in run("log", "-1", "--format=%(trailers)", cwd=bare)
    assert key.status("main", bare)[0] == ("G" if signing else "N")


async def mixed(place, key, other_key, case):
    """Put a commit into the checkout whose signature forbids a rebase."""
    tree = place.work_dir / "src"
    if case == "unsigned, signing is on":
        await changed(place, author=author(key))
        run("commit", "--quiet", "--allow-empty", "-m", "by hand", cwd=tree)
    elif case == "signed, signing is off":
        await changed(place)
        await place.run("git-clone", checkout=[{"branch": "main", "path": "src"}])
        place.write("tag: v2\nother: 1\n\n\n\n\nlast: 1\n")
        await place.run("git-commit", alias="c2", path="src", message="Promote v2", author=author(key))
    else:
        await changed(place, author=author(other_key))
        folder = place.work_dir.with_name("work.keys")
        next(folder.iterdir()).write_text(key.text)


UNSAFE = {
    "unsigned, signing is on": "would get a signature it did not have",
    "signed, signing is off": "would lose its signature",
    "signed by another key": "signed by a key that is not trusted",
}


@pytest.mark.parametrize("case", UNSAFE)
async def test_policies_where_a_rebase_is_not_safe(promotion, server, key, other_key, case):  # noqa: F811
    """RebaseOrFail fails for good and says which commit and why; RebaseOrMerge merges, and no signature changes."""
    house(promotion, policy=Policy.REBASE_OR_FAIL)
    await mixed(promotion, key, other_key, case)
    head = run("rev-parse", "HEAD", cwd=promotion.work_dir / "src")
    theirs = server.commit({"docs/b.md": "b"}, "theirs")
    refused = await promotion.run("git-push", path="src")
    assert isinstance(refused, Failed)
    assert refused.terminal
    assert "policy RebaseOrFail forbids to rebase" in refused.message
    assert UNSAFE[case] in refused.message
    assert server.tip() == theirs
    house(promotion, policy=Policy.REBASE_OR_MERGE)
    merged = await promotion.run("git-push", path="src")
    assert isinstance(merged, Succeeded)
    assert run("log", "-1", "--format=%P", cwd=server.root / "config.git").split() == [theirs, head]


async def test_a_conflict_fails_under_every_policy(promotion, server):  # noqa: F811
    """Merging does not decide for people either: the sentence names the file, and nothing is pushed."""
    await changed(promotion)
    theirs = server.commit({"values.yaml": "tag: v3"}, "theirs")
    for policy in Policy:
        result = await house(promotion, policy=policy).run("git-push", path="src")
        assert isinstance(result, Failed)
        assert "meanwhile in values.yaml" in result.message
    assert server.tip() == theirs


async def test_no_ring_and_no_agent_is_left(promotion, key):  # noqa: F811
    """Whoever signed has ended when the step is over."""
    await changed(promotion, author=author(key))
    listed = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if "drayage-gpg-" in line and str(os.getpid()) not in line]
