"""Discovering commits and tags at a real Git server."""

import pytest

from blocks.errors import DrayageError
from blocks.git.mirror import Mirrors
from flows.warehouse.discover_git import discover_git
from flows.warehouse.model import GitSubscription
from tests.flows.warehouse.asked import asking
from tests.servers.git_http import git_server, run

JANUARY, FEBRUARY, MARCH = 1735689600, 1738368000, 1740787200
"""The first of each month of 2025, in seconds."""

HISTORY = [
    ("web/values.yaml", "feat: first", JANUARY),
    *(("docs/a.md", f"docs: {number}", FEBRUARY + number) for number in range(40)),
    ("web/values.yaml", "feat: " + "x" * 100, MARCH),
]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with forty commits of one folder between two of another, and three tags."""
    with git_server(tmp_path_factory.mktemp("git")) as server:
        url, path = server.create(), server.root / "config.git"
        run("fast-import", "--quiet", cwd=path, given="".join(map(imported, HISTORY)))
        run("tag", "v1.9.0", "main~41", cwd=path)
        run("tag", "v1.10.0", "main~1", cwd=path)
        run("tag", "-a", "stable", "-m", "fine", "main", cwd=path, date="2025-03-02T00:00:00Z")
        yield url


def imported(commit):
    """One commit as `git fast-import` reads it, on top of what came before."""
    path, message, seconds = commit
    who = f"committer Ana Silva <ana@example.com> {seconds} +0000"
    return f"commit refs/heads/main\n{who}\ndata <<M\n{message}\nM\nM 100644 inline {path}\ndata <<X\n{seconds}\nX\n\n"


@pytest.fixture
def mirrors(tmp_path):
    """The real mirrors in a fresh folder."""
    return Mirrors(tmp_path)


async def subjects(url, mirrors, **subscription):
    """Tag, or beginning of the subject, of what discovery finds."""
    wanted = GitSubscription.model_validate({"repoURL": url, **subscription})
    entry = await discover_git(wanted, asking(git=mirrors))
    return [commit.get("tag") or commit["subject"][:11] for commit in entry["commits"]]


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        pytest.param({"discoveryLimit": 2}, ["feat: xxxxx", "docs: 39"], id="newest"),
        pytest.param({"includePaths": ["web"], "discoveryLimit": 2}, ["feat: xxxxx", "feat: first"], id="deep"),
        pytest.param({"includePaths": ["nowhere"], "discoveryLimit": 2}, [], id="nothing"),
        pytest.param({"since": "2025-02-01T00:00:39Z", "discoveryLimit": 5}, ["feat: xxxxx", "docs: 39"], id="since"),
        pytest.param({"expressionFilter": "subject endsWith 'first'", "branch": "main"}, ["feat: first"], id="filter"),
        pytest.param({"commitSelectionStrategy": "SemVer"}, ["v1.10.0", "v1.9.0"], id="semver"),
        pytest.param({"commitSelectionStrategy": "Lexical"}, ["v1.9.0", "v1.10.0", "stable"], id="lexical"),
        pytest.param({"commitSelectionStrategy": "NewestTag", "discoveryLimit": 1}, ["stable"], id="newest-tag"),
        pytest.param({"commitSelectionStrategy": "Lexical", "includePaths": ["docs"]}, ["v1.10.0"], id="tag-paths"),
        pytest.param(
            {"commitSelectionStrategy": "Lexical", "expressionFilter": "annotation == 'fine'"}, ["stable"], id="note"
        ),
    ],
)
async def test_strategies(repo, mirrors, subscription, expected):
    """Every strategy and filter works end to end."""
    assert await subjects(repo, mirrors, **subscription) == expected


async def test_entry(repo, mirrors):
    """The entry has the shape of Kargo's status; a long subject is cut, a branch nobody named is left out."""
    wanted = GitSubscription.model_validate({"repoURL": repo, "discoveryLimit": 1})
    entry = await discover_git(wanted, asking(git=mirrors, name="config"))
    _, commit = (await mirrors.view(repo, credentials=None)).branch(None)
    assert entry == {
        "repoURL": repo,
        "subscriptionName": "config",
        "commits": [
            {
                "id": commit,
                "subject": "feat: " + "x" * 71 + "...",
                "author": "Ana Silva <ana@example.com>",
                "committer": "Ana Silva <ana@example.com>",
                "creatorDate": "2025-03-01T00:00:00Z",
            }
        ],
        "observedRefs": {"branchHead": commit},
    }


async def test_missing_branch(repo, mirrors):
    """A branch that is not there is an error that names it."""
    with pytest.raises(DrayageError, match="nowhere"):
        await subjects(repo, mirrors, branch="nowhere")
