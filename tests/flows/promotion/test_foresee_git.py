"""What Git steps would do to a remote, read over a real server that is not changed by it."""

import pytest

from blocks.errors import Invalid
from flows.promotion.foresight import Imagined
from flows.promotion.steps import git_open_pr, git_wait_for_pr
from tests.flows.promotion.steps.git_promotion import STEPS, promotion, server  # noqa: F401

KINDS = {**STEPS, "git-open-pr": git_open_pr, "git-wait-for-pr": git_wait_for_pr}


@pytest.fixture
def foresee(promotion, server):  # noqa: F811
    """Foresee one step of a dry run; at its end nothing was pushed."""
    imagined = Imagined()

    async def one(kind, **config):
        known = {"repoURL": server.url("config.git")} if kind not in ("git-push",) else {}
        checked = KINDS[kind].Config.model_validate(known | config)
        return await KINDS[kind].foresee(checked, promotion.context(kind), imagined)

    yield one
    assert server.pushes() == 0


async def changed(place, foresee, path="src", **files):
    """Check out main, write files and commit; returns the commit."""
    await foresee("git-clone", checkout=[{"branch": "main", "path": path}])
    for name, content in files.items():
        file = place.work_dir / path / name.replace("__", ".")
        file.write_bytes(content) if isinstance(content, bytes) else file.write_text(content)
    return (await place.run("git-commit", path=path, message="Promote v2\n\nbecause")).outputs["commit"]


async def test_the_difference_against_the_branch(promotion, foresee):  # noqa: F811
    """The commit is compared with the branch it would come to; outputs are those of a push."""
    commit = await changed(promotion, foresee, values__yaml="tag: v2\nother: 1\n\n\n\n\nlast: 1")
    seen = await foresee("git-push", path="src")
    assert seen.outputs == {"branch": "main", "commit": commit}
    assert "-tag: v1\n+tag: v2\n" in seen.diff
    assert seen.description.startswith("would push 1 file to branch `main` of ")
    assert "- `M values.yaml`" in seen.description


async def test_what_moved_meanwhile_is_not_ours(promotion, server, foresee):  # noqa: F811
    """A commit of somebody else's on the branch is no part of the difference, and not needed on this disk before."""
    await changed(promotion, foresee, values__yaml="tag: v2\nother: 1\n\n\n\n\nlast: 1")
    server.commit({"theirs.txt": "x"}, "by somebody else")
    seen = await foresee("git-push", path="src")
    assert "theirs.txt" not in seen.diff and "+tag: v2" in seen.diff


async def test_renames_and_binaries(promotion, foresee):  # noqa: F811
    """A renamed file is shown as such, and of a binary one only that it differs."""
    await foresee("git-clone", checkout=[{"branch": "main", "path": "src"}])
    (promotion.work_dir / "src/values.yaml").rename(promotion.work_dir / "src/renamed.yaml")
    (promotion.work_dir / "src/logo.png").write_bytes(bytes(range(256)) * 40)
    await promotion.run("git-commit", path="src", message="m")
    seen = await foresee("git-push", path="src")
    assert "rename from values.yaml\nrename to renamed.yaml" in seen.diff
    assert "Binary files /dev/null and b/logo.png differ" in seen.diff
    assert "- `R100 values.yaml renamed.yaml`" in seen.description


async def test_a_large_difference_is_cut(promotion, foresee, monkeypatch):  # noqa: F811
    """Ten thousand lines are cut with a word about how many are missing."""
    monkeypatch.setattr("flows.promotion.foresee_git.LONGEST_DIFF", 1_000)
    await changed(promotion, foresee, big__txt="\n".join(f"line {n}" for n in range(10_000)))
    seen = await foresee("git-push", path="src")
    assert len(seen.diff) < 1_100
    assert seen.diff.splitlines()[-1].endswith(" more lines")


async def test_a_difference_too_large_to_be_read(promotion, foresee, monkeypatch):  # noqa: F811
    """What is larger than what is read at most is not shown; its files are."""
    monkeypatch.setattr("blocks.git.changes.MOST_BYTES", 5_000)
    await changed(promotion, foresee, big__txt="x\n" * 10_000)
    seen = await foresee("git-push", path="src")
    assert seen.diff == ""
    assert "`A big.txt`" in seen.description and "too large to be shown" in seen.description


async def test_a_new_branch_is_compared_with_the_one_checked_out(promotion, foresee):  # noqa: F811
    """A generated branch shows what it adds to main, and the pull request of it has the commit's words."""
    commit = await changed(promotion, foresee, values__yaml="tag: v2\n")
    pushed = await foresee("git-push", path="src", generateTargetBranch=True)
    branch = f"kargo/promotion/{promotion.name}"
    assert pushed.outputs["branch"] == branch
    assert f"would force-push 1 file to new branch `{branch}`" in pushed.description
    assert "compared with `main`" in pushed.description and "+tag: v2" in pushed.diff

    opened = await foresee("git-open-pr", sourceBranch=branch, targetBranch="main", provider="github")
    assert f"from `{branch}` into `main`" in opened.description
    assert "\nPromote v2\n\nbecause\n" in opened.description
    number = opened.outputs["pr"]["id"]
    merged = await foresee("git-wait-for-pr", prNumber=number, provider="github")
    assert (merged.outputs["commit"], merged.known) == (commit, True)
    other = await foresee("git-wait-for-pr", prNumber=number + 1, provider="github")
    assert (other.outputs, other.known) == ({}, False)


async def test_the_second_push_is_compared_with_the_first(promotion, foresee):  # noqa: F811
    """What an earlier step would have pushed counts as there."""
    await changed(promotion, foresee, values__yaml="tag: v2\n")
    await foresee("git-push", path="src")
    promotion.write("tag: v3\n")
    await promotion.run("git-commit", "second", path="src", message="Promote v3")
    seen = await foresee("git-push", path="src")
    assert "-tag: v2\n+tag: v3\n" in seen.diff


async def test_a_branch_that_would_be_created(promotion, server, foresee):  # noqa: F811
    """git-clone makes an empty branch on this disk alone; what would come to it is compared with nothing."""
    cloned = await foresee("git-clone", checkout=[{"branch": "stage/x", "path": "src", "create": True}])
    assert "would make branch `stage/x`" in cloned.description
    promotion.write("tag: v2\n")
    await promotion.run("git-commit", path="src", message="m")
    seen = await foresee("git-push", path="src")
    assert "to new branch `stage/x`" in seen.description
    assert "new file mode" in seen.diff and "values.yaml" in seen.diff


async def test_a_tag_and_no_branch(promotion, foresee):  # noqa: F811
    """A tag is told with its commit; a checkout without a branch needs a target."""
    await foresee("git-clone", checkout=[{"branch": "main", "path": "src"}])
    tagged = await promotion.run("git-tag", path="src", tag="v2", message="m")
    seen = await foresee("git-push", path="src", tag="v2")
    assert seen.outputs == tagged.outputs
    await foresee("git-clone", checkout=[{"commit": tagged.outputs["commit"], "path": "src"}])
    with pytest.raises(Invalid, match="no branch checked out"):
        await foresee("git-push", path="src")
