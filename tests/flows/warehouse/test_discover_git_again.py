"""Looking at a Git repository again: what has not changed is not read, and a hint is only a hint."""

import asyncio

import pytest

from blocks.errors import Conflict, NotFound
from blocks.git.mirror import Mirrors
from flows.warehouse import discover_git as module
from flows.warehouse.asking import Hint
from flows.warehouse.discover_git import discover_git
from flows.warehouse.model import GitSubscription
from tests.flows.warehouse.asked import asking
from tests.servers.git_http import git_server, run

TAGS = {"commitSelectionStrategy": "SemVer"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Git server; each test has its own repository."""
    with git_server(tmp_path_factory.mktemp("git")) as opened:
        yield opened


@pytest.fixture
def repo(server, tmp_path):
    """A repository of five commits and a tag."""
    name = f"{tmp_path.name}.git"
    url = server.create(name)
    for number in range(5):
        server.commit({f"app{number % 2}/a.txt": str(number)}, f"c{number}", name=name)
    run("tag", "v1.0.0", "main~2", cwd=server.root / name)

    class Repo:
        path = server.root / name

        def commit(self, files, message="more", **more):
            return server.commit(files, message, name=name, **more)

        def subscription(self, **more):
            return GitSubscription.model_validate({"repoURL": url, "branch": "main", **more})

    return Repo()


class Counting:
    """Mirrors that count who looks and who reads."""

    def __init__(self, root):
        self.mirrors, self.looks, self.reads = Mirrors(root), 0, []

    async def view(self, url, **how):
        """Look, counted."""
        self.looks += 1
        view = await self.mirrors.view(url, **how)
        reads, read = self.reads, view.read

        async def counted(job):
            reads.append(job)
            return await read(job)

        object.__setattr__(view, "read", counted)
        return view


@pytest.fixture
def git(tmp_path):
    """Mirrors in a fresh folder."""
    return Counting(tmp_path / "mirrors")


def names(entry):
    """Tag or subject of what was found."""
    return [each.get("tag") or each["subject"] for each in entry["commits"]]


@pytest.mark.parametrize(
    ("more", "observed"),
    [pytest.param({}, {"branchHead"}, id="branch"), pytest.param(TAGS, {"tags"}, id="tags")],
)
async def test_unchanged_is_not_read(repo, git, more, observed):
    """With the refs of last time the entry of last time is the answer, without a download or a `git log`."""
    first = await discover_git(repo.subscription(**more), asking(git=git))
    assert first["observedRefs"].keys() == observed
    other = Counting(git.mirrors.root.with_name("other"))
    assert await discover_git(repo.subscription(**more), asking(git=other, before=first)) == first
    assert other.reads == []
    assert not other.mirrors.root.exists()


async def test_observed_tags_are_those_that_pass_by_name(repo, git):
    """Kargo's shape: name and id, sorted; a tag that the filters of names leave out does not count."""
    run("tag", "not-a-version", "main", cwd=repo.path)
    entry = await discover_git(repo.subscription(**TAGS), asking(git=git))
    assert entry["observedRefs"] == {"tags": [{"name": "v1.0.0", "id": run("rev-parse", "v1.0.0", cwd=repo.path)}]}
    assert (await discover_git(repo.subscription(**TAGS, semverConstraint=">5"), asking(git=git)))["observedRefs"] == {}


async def test_a_person_makes_it_read_again(repo, git):
    """`thorough` takes nothing for known."""
    first = await discover_git(repo.subscription(), asking(git=git))
    forged = {**first, "commits": []}
    assert await discover_git(repo.subscription(), asking(git=git, before=forged)) == forged
    assert await discover_git(repo.subscription(), asking(git=git, before=forged, thorough=True)) == first


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="all"),
        pytest.param({"includePaths": ["app1"]}, id="paths"),
        pytest.param({"discoveryLimit": 2}, id="limit"),
        pytest.param({"expressionFilter": "subject contains 'c'"}, id="expression"),
    ],
)
async def test_after_a_push_only_what_is_new_is_read(repo, git, more):
    """What was found before is kept under what a push put on top, and it is what reading all anew finds."""
    before = await discover_git(repo.subscription(**more), asking(git=git))
    repo.commit({"app1/a.txt": "x"}, "c5")
    repo.commit({"docs/a.txt": "x"}, "c6")
    git.mirrors._refs = type(git.mirrors._refs)()
    after = await discover_git(repo.subscription(**more), asking(git=git, before=before))
    anew = await discover_git(repo.subscription(**more), asking(git=Mirrors(git.mirrors.root)))
    assert after == anew
    assert after != before


async def test_a_merge_and_a_forced_push_are_read_anew(repo, git):
    """Where more happened than commits put on top, nothing of before is taken over."""
    before = await discover_git(repo.subscription(), asking(git=git))
    run("update-ref", "refs/heads/main", "main~2", cwd=repo.path)
    repo.commit({"b.txt": "x"}, "instead")
    after = await discover_git(repo.subscription(), asking(git=git, before=before, thorough=False, hint=Hint()))
    assert names(after) == ["instead", "c2", "c1", "c0"]
    tip, side = repo.commit({"m.txt": "1"}, "on main"), run("rev-parse", "main~2", cwd=repo.path)
    tree = run("rev-parse", "main^{tree}", cwd=repo.path)
    merge = run("commit-tree", tree, "-p", tip, "-p", side, "-m", "merge", cwd=repo.path)
    run("update-ref", "refs/heads/main", merge, cwd=repo.path)
    merged = await discover_git(repo.subscription(), asking(git=git, before=after, hint=Hint()))
    assert names(merged)[0] == "merge"
    assert sorted(names(merged)) == ["c0", "c1", "c2", "instead", "merge", "on main"]


async def test_a_deleted_branch_is_said_and_over_when_it_is_back(repo, git):
    """A branch that is gone is an error that names it; nothing of before is given out."""
    before = await discover_git(repo.subscription(), asking(git=git))
    tip = run("rev-parse", "main", cwd=repo.path)
    repo.commit({"x": "1"}, branch="other")
    run("update-ref", "-d", "refs/heads/main", cwd=repo.path)
    with pytest.raises(NotFound, match="has no branch 'main'"):
        await discover_git(repo.subscription(), asking(git=git, before=before, hint=Hint(branch="main")))
    run("update-ref", "refs/heads/main", tip, cwd=repo.path)
    assert await discover_git(repo.subscription(), asking(git=git, before=before, hint=Hint(branch="main"))) == before


async def test_a_tag_that_moved_is_noticed(repo, git):
    """The same name on another commit is another result."""
    before = await discover_git(repo.subscription(**TAGS), asking(git=git))
    run("tag", "-f", "v1.0.0", "main", cwd=repo.path)
    after = await discover_git(repo.subscription(**TAGS), asking(git=git, before=before, hint=Hint(tag="v1.0.0")))
    assert after["commits"][0]["id"] == run("rev-parse", "main", cwd=repo.path)


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        pytest.param({}, Hint(branch="other", commit="a" * 40), id="another-branch"),
        pytest.param({}, Hint(tag="v2.0.0"), id="a-tag"),
        pytest.param({"includePaths": ["app1"]}, Hint(branch="main", paths=("app0/x", "docs/y")), id="other-paths"),
        pytest.param({"excludePaths": ["glob:docs/**"]}, Hint(branch="main", paths=("docs/y",)), id="excluded-paths"),
        pytest.param(TAGS, Hint(branch="main", commit="a" * 40), id="a-branch"),
        pytest.param(TAGS, Hint(tag="latest"), id="no-version"),
        pytest.param(TAGS | {"semverConstraint": "^1.0.0"}, Hint(tag="v2.0.0"), id="out-of-range"),
        pytest.param(TAGS | {"ignoreTagsRegexes": ["rc"]}, Hint(tag="v1.1.0-rc.1"), id="ignored"),
    ],
)
async def test_a_hint_that_concerns_something_else_costs_nothing(repo, more, hint):
    """Nothing outside is called, and the entry of last time is the answer."""
    before = {"repoURL": repo.subscription().repo_url, "commits": [{"id": "known"}]}
    assert await discover_git(repo.subscription(**more), asking(before=before, hint=hint)) is before


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        pytest.param({}, Hint(branch="main"), id="branch"),
        pytest.param({"branch": None}, Hint(branch="whatever"), id="default-branch"),
        pytest.param({"includePaths": ["app1"]}, Hint(branch="main", paths=("docs/y", "app1/z")), id="paths"),
        pytest.param({"includePaths": ["app1"]}, Hint(branch="main"), id="paths-unknown"),
        pytest.param({}, Hint(), id="nothing-said"),
        pytest.param(TAGS, Hint(tag="v1.0.0"), id="tag"),
    ],
)
async def test_a_hint_that_may_concern_it_is_followed(repo, git, more, hint):
    """The repository is looked at, now."""
    wanted = repo.subscription(**more)
    before = await discover_git(wanted, asking(git=git))
    looks = git.looks
    await discover_git(wanted, asking(git=git, before=before, hint=hint))
    assert git.looks == looks + 1


async def test_an_answer_is_never_older_than_its_hint(repo, git):
    """A push that came after the last look is found at once, however lately that look was."""
    before = await discover_git(repo.subscription(), asking(git=git))
    tip = repo.commit({"app1/a.txt": "x"}, "c5")
    assert await discover_git(repo.subscription(), asking(git=git, before=before)) == before
    hint = Hint(branch="main", commit=tip)
    assert names(await discover_git(repo.subscription(), asking(git=git, before=before, hint=hint)))[0] == "c5"


async def test_a_commit_that_is_announced_before_it_shows(repo, git):
    """What a hint names is waited for a moment; what never shows is not believed."""
    before = await discover_git(repo.subscription(), asking(git=git))
    parent = run("rev-parse", "main", cwd=repo.path)
    tip = repo.commit({"app1/a.txt": "x"}, "late")
    run("update-ref", "refs/heads/main", parent, cwd=repo.path)
    hint = Hint(branch="main", commit=tip)
    looking = asyncio.create_task(discover_git(repo.subscription(), asking(git=git, before=before, hint=hint)))
    await asyncio.sleep(0.2)
    run("update-ref", "refs/heads/main", tip, cwd=repo.path)
    assert names(await looking)[0] == "late"
    never = Hint(branch="main", commit="f" * 40)
    before = await discover_git(repo.subscription(), asking(git=git, thorough=True))
    looks = git.looks
    assert await discover_git(repo.subscription(), asking(git=git, before=before, hint=never)) == before
    assert git.looks == looks + 1 + len(module.PAUSES)


async def test_sixty_subscribers_cost_one_look_and_one_download(repo, git, server):
    """All who ask at once share one list of branches, one download and one reading."""
    wanted = [repo.subscription(includePaths=[f"app{number % 2}"]) for number in range(60)]
    downloads = server.downloads()
    entries = await asyncio.gather(*(discover_git(each, asking(git=git)) for each in wanted))
    assert [names(entry) for entry in entries[:2]] == [["c4", "c2", "c0"], ["c3", "c1"]]
    assert server.downloads() == downloads + 1
    assert len(git.reads) == 1
    repo.commit({"app1/a.txt": "x"}, "c5")
    hint = Hint(branch="main")
    known = zip(wanted, entries, strict=True)
    again = await asyncio.gather(
        *(discover_git(each, asking(git=git, before=entry, hint=hint)) for each, entry in known)
    )
    assert names(again[1]) == ["c5", "c3", "c1"]
    assert server.downloads() == downloads + 2
    assert len(git.reads) == 2


async def test_a_repository_that_moves_while_it_is_read(repo, tmp_path):
    """A forced push between looking and fetching is looked at again; one that never rests is an error."""

    class Moving(Mirrors):
        left = 1

        async def view(self, url, **how):
            view = await super().view(url, **how)
            if self.left:
                self.left -= 1
                run("update-ref", "refs/heads/main", run("rev-parse", "main~1", cwd=repo.path), cwd=repo.path)
                run("update-ref", "-d", "refs/tags/v1.0.0", cwd=repo.path)
                run("gc", "--quiet", "--prune=now", cwd=repo.path)
            return view

    mirrors = Moving(tmp_path / "moving")
    assert names(await discover_git(repo.subscription(), asking(git=mirrors))) == ["c3", "c2", "c1", "c0"]

    class Restless(Moving):
        async def view(self, url, **how):
            raise Conflict("moved")

    with pytest.raises(Conflict):
        await discover_git(repo.subscription(), asking(git=Restless(repo.path)))


@pytest.mark.slow
async def test_ten_thousand_tags(repo, git):
    """More tags than are written down are read each time, all of them, the oldest too."""
    tip = run("rev-parse", "main", cwd=repo.path)
    best = run("rev-parse", "main~4", cwd=repo.path)
    lines = [f"create refs/tags/v0.0.{number} {tip}\n" for number in range(10_500)]
    run("update-ref", "--stdin", cwd=repo.path, given="".join(lines) + f"create refs/tags/v9.0.0 {best}\n")
    run("pack-refs", "--all", cwd=repo.path)
    for strategy in ("SemVer", "Lexical", "NewestTag"):
        wanted = repo.subscription(commitSelectionStrategy=strategy, discoveryLimit=3)
        entry = await discover_git(wanted, asking(git=git))
        assert "observedRefs" not in entry
        assert len(entry["commits"]) == 3
        if strategy != "NewestTag":
            assert entry["commits"][0]["tag"] == "v9.0.0"
        paths = repo.subscription(commitSelectionStrategy=strategy, includePaths=["app0"], discoveryLimit=2)
        assert len((await discover_git(paths, asking(git=git)))["commits"]) == 2
