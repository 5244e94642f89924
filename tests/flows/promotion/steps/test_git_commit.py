"""git-commit, git-clear and git-tag: deterministic, repeatable, auditable."""

import pytest

from blocks.errors import Invalid
from flows.promotion.result import Skipped, Succeeded
from tests.flows.promotion.steps.git_promotion import promotion, server  # noqa: F401
from tests.servers.git_http import run


def shown(tree, form):
    return run("log", "-1", f"--format={form}", cwd=tree)


async def test_a_commit_holds_everything_and_says_for_whom(promotion):  # noqa: F811
    """New, changed and deleted files are committed, with our author, the step's date and the trailers."""
    await promotion.clone()
    tree = promotion.work_dir / "src"
    promotion.write("tag: v2")
    promotion.write("new", "new.txt")
    (tree / "docs/a.md").unlink()
    result = await promotion.run("git-commit", path="src", message="Promote v2\n\n# not a comment\n")
    assert result == Succeeded({"commit": run("rev-parse", "HEAD", cwd=tree)})
    assert run("status", "--porcelain", cwd=tree) == ""
    assert run("diff", "--name-status", "HEAD~1", cwd=tree) == "D\tdocs/a.md\nA\tnew.txt\nM\tvalues.yaml"
    assert shown(tree, "%an <%ae> %cn <%ce>") == " ".join(["Drayage <no-reply@drayage.dev>"] * 2)
    assert shown(tree, "%at %ct") == "1748779260 1748779260"  # 12:01, when the step first started
    assert shown(tree, "%B") == (
        "Promote v2\n\n# not a comment\n\nDrayage-Project: demo\nDrayage-Stage: test\nDrayage-Promotion: test.01abc.f00"
    )


async def test_the_same_commit_made_elsewhere_is_the_same_commit(promotion, tmp_path):  # noqa: F811
    """Two workers that make the same change for the same step get one id."""
    other = promotion.elsewhere(tmp_path / "other")
    made = []
    for place in (promotion, other):
        await place.clone()
        place.write("tag: v2")
        made.append(await place.run("git-commit", path="src", message="Promote v2"))
    assert made[0] == made[1]


async def test_nothing_to_commit_is_skipped_with_the_head(promotion, server):  # noqa: F811
    """Without a change later steps still find a commit; ignored and untouched files are no change."""
    await promotion.clone()
    result = await promotion.run("git-commit", path="src", message="Promote v2")
    assert result == Skipped("nothing to commit", {"commit": server.tip()})


async def test_run_again_after_its_own_commit_it_finds_it(promotion):  # noqa: F811
    """An attempt after a kill between commit and record gives the commit, not a second one."""
    await promotion.clone()
    promotion.write("tag: v2")
    first = await promotion.run("git-commit", path="src", message="Promote v2")
    again = await promotion.run("git-commit", path="src", message="Promote v2")
    assert isinstance(again, Succeeded)
    assert again.outputs == first.outputs
    other = await promotion.run("git-commit", alias="second-commit", path="src", message="Promote v2")
    assert isinstance(other, Skipped)


async def test_locks_of_a_killed_git_do_not_stop_it(promotion):  # noqa: F811
    """A worker killed while Git held its index leaves locks that the next attempt removes."""
    await promotion.clone()
    promotion.write("tag: v2")
    clone = promotion.work_dir / ".repositories/git-clone.git"
    for lock in ("worktrees/src/index.lock", "worktrees/src/HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"):
        (clone / lock).parent.mkdir(parents=True, exist_ok=True)
        (clone / lock).write_text("")
    result = await promotion.run("git-commit", path="src", message="Promote v2")
    assert isinstance(result, Succeeded)


async def test_a_message_cannot_claim_another_promotion(promotion):  # noqa: F811
    """A trailer of ours in the message is replaced by the truth."""
    await promotion.clone()
    promotion.write("tag: v2")
    await promotion.run("git-commit", path="src", message="x\n\nDrayage-Promotion: forged\nReviewed-by: Bo")
    assert "forged" not in shown(promotion.work_dir / "src", "%B")
    assert "Reviewed-by: Bo" in shown(promotion.work_dir / "src", "%B")


async def test_authors_come_from_clone_and_step(promotion):  # noqa: F811
    """git-clone's author commits; git-commit's own author, deprecated in Kargo, is the author alone."""
    bot = {"name": "Bot", "email": "bot@example.com"}
    await promotion.run("git-clone", author=bot, checkout=[{"path": "src"}])
    promotion.write("tag: v2")
    await promotion.run("git-commit", path="src", message="m", author={"name": "Eve", "email": "eve@example.com"})
    assert shown(promotion.work_dir / "src", "%an %ae %cn %ce") == "Eve eve@example.com Bot bot@example.com"


@pytest.mark.parametrize("kind", ["git-clear", "git-commit", "git-push", "git-tag"])
async def test_a_path_must_be_a_checkout_of_this_promotion(promotion, kind):  # noqa: F811
    """A folder without repository, and a repository from elsewhere, are refused."""
    given = {"git-commit": {"message": "m"}, "git-tag": {"tag": "t", "message": "m"}}.get(kind, {})
    (promotion.work_dir / "plain").mkdir()
    with pytest.raises(Invalid, match="is no checkout"):
        await promotion.run(kind, path="plain", **given)
    (promotion.work_dir / "plain/.git").write_text("gitdir: /somewhere/worktrees/x")
    with pytest.raises(Invalid, match="not this promotion's"):
        await promotion.run(kind, path="plain", **given)


async def test_clear_removes_tracked_files_only(promotion):  # noqa: F811
    """What Git knows goes, what it does not know stays; clearing twice is fine."""
    await promotion.clone()
    promotion.write("x", "untracked.txt")
    promotion.write("changed")
    for _ in range(2):
        assert await promotion.run("git-clear", path="src") == Succeeded()
        assert sorted(p.name for p in (promotion.work_dir / "src").iterdir()) == [".git", "untracked.txt"]


async def test_clear_render_commit_without_difference_is_nothing_to_commit(promotion):  # noqa: F811
    """A tree that is rendered to what it was has no change."""
    await promotion.clone()
    before = (promotion.work_dir / "src/values.yaml").read_text()
    await promotion.run("git-clear", path="src")
    promotion.write(before)
    (promotion.work_dir / "src/docs").mkdir()
    promotion.write("a\n", "docs/a.md")
    assert isinstance(await promotion.run("git-commit", path="src", message="m"), Skipped)


async def test_a_tag_is_made_once(promotion, server):  # noqa: F811
    """A second run makes the same tag; another tag of that name is refused, unless forced."""
    await promotion.clone()
    tag = {"path": "src", "tag": "v1", "message": "one"}
    assert await promotion.run("git-tag", **tag) == Succeeded({"commit": server.tip()})
    first = run("rev-parse", "v1", cwd=promotion.work_dir / "src")
    assert await promotion.run("git-tag", **tag) == Succeeded({"commit": server.tip()})
    assert run("rev-parse", "v1", cwd=promotion.work_dir / "src") == first
    with pytest.raises(Invalid, match="exists already"):
        await promotion.run("git-tag", **(tag | {"message": "two"}))
    assert run("rev-parse", "v1", cwd=promotion.work_dir / "src") == first
    await promotion.run("git-tag", **(tag | {"message": "two", "force": True}))
    assert run("rev-parse", "v1", cwd=promotion.work_dir / "src") != first
