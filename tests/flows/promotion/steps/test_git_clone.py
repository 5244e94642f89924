"""git-clone over a real server: what it checks out, refuses, redoes and restores."""

import asyncio

import pytest
from pydantic import ValidationError

from blocks.errors import Invalid, NotFound
from flows.promotion.steps import git_clone
from tests.flows.promotion.steps.git_promotion import promotion, server  # noqa: F401
from tests.servers.git_http import run


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != ".git")


async def test_branch_commit_tag_and_default_are_checked_out_side_by_side(promotion, server):  # noqa: F811
    """One clone holds any number of checkouts, each with its commit in the outputs."""
    first = server.tip()
    run("tag", "-a", "-m", "one", "v1", cwd=server.root / "config.git")
    second = server.commit({"values.yaml": "tag: v2"})
    env = server.commit({"env.yaml": "x"}, branch="env/test")
    result = await promotion.run(
        "git-clone",
        checkout=[
            {"path": "default"},
            {"path": "./env", "branch": "env/test"},
            {"path": "deep/commit", "commit": first, "as": "pinned"},
            {"path": "short", "commit": first[:8]},
            {"path": "tag", "tag": "v1"},
        ],
    )
    assert result.outputs == {
        "commits": {"default": second, "./env": env, "pinned": first, "short": first, "tag": first}
    }
    assert (promotion.work_dir / "default/values.yaml").read_text() == "tag: v2\n"
    assert files(promotion.work_dir / "env") == ["env.yaml"]
    assert (promotion.work_dir / "deep/commit/values.yaml").read_text().startswith("tag: v1")


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        pytest.param({"checkout": []}, "checkout", id="no-checkout"),
        pytest.param({"checkout": [{"branch": "x"}]}, "path", id="no-path"),
        pytest.param({"checkout": [{"path": "a", "branch": "x", "tag": "y"}]}, "at most one of", id="two-revisions"),
        pytest.param({"checkout": [{"path": "a", "create": True}]}, "'create' needs 'branch'", id="create-what"),
        pytest.param({"checkout": [{"path": "a", "commit": "main"}]}, "pattern", id="commit-is-a-branch"),
        pytest.param({"checkout": [{"path": "a", "sparse": ["x\ny"]}]}, "one folder", id="sparse-lines"),
        pytest.param({"checkout": [{"path": "a", "branch": "x", "nope": 1}]}, "nope", id="unknown-key"),
        pytest.param(
            {"checkout": [{"path": "a", "branch": "x"}, {"path": "b", "branch": "x"}]}, "same branch", id="branch-twice"
        ),
        pytest.param({"checkout": [{"path": "a", "as": "b"}, {"path": "b"}]}, "same key", id="key-twice"),
        pytest.param({"checkout": [{"path": "a", "as": "1"}, {"path": "a", "as": "2"}]}, "same path", id="path-twice"),
    ],
)
def test_config_problems_are_found_before_anything_runs(config, problem):
    """A config that cannot be right is refused with the reason."""
    with pytest.raises(ValidationError, match=problem):
        git_clone.Config.model_validate({"repoURL": "https://host/x"} | config)


@pytest.mark.parametrize(
    ("config", "error", "sentence"),
    [
        pytest.param({"author": {"signingKey": "k"}}, Invalid, "no OpenPGP private key", id="signing"),
        pytest.param({"checkout": [{"path": "."}]}, Invalid, "folder of its own", id="the-root"),
        pytest.param({"checkout": [{"path": ".repositories/x"}]}, Invalid, "belongs to Git alone", id="the-clones"),
        pytest.param({"checkout": [{"path": "../x"}]}, Invalid, "outside", id="outside"),
        pytest.param({"checkout": [{"path": "a", "branch": "nope"}]}, NotFound, "no branch 'nope'", id="no-branch"),
        pytest.param({"checkout": [{"path": "a", "tag": "nope"}]}, NotFound, "no tag 'nope'", id="no-tag"),
        pytest.param({"checkout": [{"path": "a", "commit": "abcd1234"}]}, NotFound, "no commit 'abcd1", id="no-commit"),
        pytest.param(
            {"checkout": [{"path": "a", "commit": "abcd1234" * 5}]}, NotFound, "no commit abcd1", id="no-full-commit"
        ),
        pytest.param(
            {"checkout": [{"path": "a"}, {"path": "b", "branch": "main"}]}, Invalid, "place is taken", id="main-twice"
        ),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(promotion, config, error, sentence):  # noqa: F811
    """Nothing is ignored: what does not work says so."""
    with pytest.raises(error, match=sentence):
        await promotion.run("git-clone", **({"checkout": [{"path": "src"}]} | config))


async def test_run_again_it_redoes_half_made_checkouts(promotion):  # noqa: F811
    """Whatever state a killed attempt left, the next one ends with clean checkouts."""
    first = await promotion.clone()
    promotion.write("half written")
    promotion.write("", "stray.txt")
    (promotion.work_dir / ".repositories/git-clone.git/HEAD").unlink()
    assert await promotion.clone() == first
    assert files(promotion.work_dir / "src") == ["docs/a.md", "values.yaml"]


async def test_files_of_other_steps_are_never_wiped(promotion):  # noqa: F811
    """A folder that another step filled is not a checkout's place."""
    (promotion.work_dir / "src").mkdir()
    promotion.write("precious")
    with pytest.raises(Invalid, match="place is taken"):
        await promotion.clone()
    assert (promotion.work_dir / "src/values.yaml").read_text() == "precious"


async def test_a_tampered_clone_cannot_make_us_delete_outside(promotion, tmp_path):  # noqa: F811
    """Only checkouts inside the working directory are removed, whatever the clone claims."""
    await promotion.clone()
    outside = tmp_path / "outside"
    outside.mkdir()
    (promotion.work_dir / ".repositories/git-clone.git/worktrees/src/gitdir").write_text(f"{outside}/.git\n")
    with pytest.raises(Invalid, match="place is taken"):
        await promotion.clone()
    assert outside.exists()


async def test_restore_checks_out_the_recorded_commits(promotion, server, tmp_path):  # noqa: F811
    """A lost directory comes back as it was, though the branch moved, was rewritten, or another worker does it."""
    result = await promotion.clone()
    server.commit({"values.yaml": "tag: v9"})
    promotion.lose()
    await promotion.restore("git-clone", result.outputs, checkout=[{"branch": "main", "path": "src"}])
    assert (promotion.work_dir / "src/values.yaml").read_text().startswith("tag: v1")
    assert run("symbolic-ref", "HEAD", cwd=promotion.work_dir / "src") == "refs/heads/main"
    bare = server.root / "config.git"
    orphan = run("commit-tree", "-m", "rewritten", "main^{tree}", cwd=bare)
    run("update-ref", "refs/heads/main", orphan, cwd=bare)
    other = promotion.elsewhere(tmp_path / "other")
    await other.restore("git-clone", result.outputs, checkout=[{"branch": "main", "path": "src"}])
    assert run("rev-parse", "HEAD", cwd=other.work_dir / "src") == result.outputs["commits"]["src"]


CREATE = {"checkout": [{"path": "src", "branch": "env/new", "create": True}]}


async def test_create_makes_and_pushes_an_empty_branch_once(promotion, server, tmp_path):  # noqa: F811
    """A missing branch is made without files or parent; a second run and another worker find it."""
    result = await promotion.run("git-clone", **CREATE)
    assert result.outputs == {"commits": {"src": server.tip("env/new")}}
    assert server.count("env/new") == 1
    assert files(promotion.work_dir / "src") == []
    assert "Drayage-Promotion: test.01abc.f00" in server.show("env/new")
    other = promotion.elsewhere(tmp_path / "other")
    assert await other.run("git-clone", **CREATE) == result
    assert server.pushes() == 1


async def test_a_created_branch_is_restored_even_when_it_is_gone(promotion, server):  # noqa: F811
    """Restoring pushes nothing, and makes the same empty commit again."""
    result = await promotion.run("git-clone", **CREATE)
    run("update-ref", "-d", "refs/heads/env/new", cwd=server.root / "config.git")
    promotion.lose()
    await promotion.restore("git-clone", result.outputs, **CREATE)
    assert run("rev-parse", "HEAD", cwd=promotion.work_dir / "src") == result.outputs["commits"]["src"]
    assert server.pushes() == 1


async def test_promotions_that_create_one_branch_at_once_share_it(promotion, tmp_path):  # noqa: F811
    """The slower of two that create a branch takes the faster one's."""
    others = [promotion.elsewhere(tmp_path / f"w{n}") for n in range(3)]
    for n, other in enumerate(others):
        other.name = f"test.{n}"
    results = await asyncio.gather(*(other.run("git-clone", **CREATE) for other in others))
    assert len({result.outputs["commits"]["src"] for result in results}) == 1


async def test_create_works_in_an_empty_repository(promotion, server):  # noqa: F811
    """The first branch of a repository without commits can be created."""
    url = server.create("empty.git")
    with pytest.raises(NotFound, match="has no commits"):
        await promotion.run("git-clone", repoURL=url, checkout=[{"path": "src"}])
    result = await promotion.run("git-clone", repoURL=url, **CREATE)
    assert result.outputs["commits"]["src"] == server.tip("env/new", "empty.git")


async def test_sparse_checkouts_hold_only_their_folders(promotion, server):  # noqa: F811
    """Only the named folders, and the files at the top, are checked out; a commit keeps the others."""
    server.commit({"apps/a/x": "1", "apps/b/x": "1", "infra/x": "1"})
    await promotion.run("git-clone", checkout=[{"path": "src", "branch": "main", "sparse": ["apps/a"]}])
    assert files(promotion.work_dir / "src") == ["apps/a/x", "values.yaml"]
    promotion.write("2", "apps/a/x")
    (promotion.work_dir / "src/infra").mkdir()
    promotion.write("new", "infra/y")
    await promotion.run("git-commit", path="src", message="m")
    await promotion.run("git-push", path="src")
    assert server.show("main:apps/a/x") == "2"
    assert (server.show("main:infra/x"), server.show("main:infra/y")) == ("1", "new")


async def test_a_damaged_mirror_heals_during_the_step(promotion):  # noqa: F811
    """A clone cut from a mirror that lost its objects is cut again from a new mirror."""
    first = await promotion.clone()
    for file in promotion.mirrors.root.glob("*.git/objects/pack/*"):
        file.unlink()
    assert await promotion.clone() == first


async def test_steps_of_tasks_have_their_own_clones(promotion):  # noqa: F811
    """Two git-clone steps, one in a task, do not disturb each other."""
    await promotion.clone()
    await promotion.run("git-clone", alias="task::clone", checkout=[{"path": "two"}])
    assert files(promotion.work_dir / "src") == files(promotion.work_dir / "two")
