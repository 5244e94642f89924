"""Commits and tags are chosen as the conformance cases say."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from blocks.errors import Invalid
from blocks.records import Commit, Tag
from flows.warehouse.discover_git import discover_git
from flows.warehouse.model import GitSubscription
from flows.warehouse.paths import path_filter
from tests.conformance.cases import cases
from tests.flows.warehouse.asked import asking


@pytest.mark.parametrize("case", cases("git_selection.json", lambda case: case["op"] == "paths"))
def test_paths(case):
    """A changed path is included and not excluded, or not, or an entry is refused."""
    if isinstance(case["want"], dict):
        with pytest.raises(Invalid):
            path_filter(case["includePaths"], case["excludePaths"])
    else:
        assert case["want"] == path_filter(case["includePaths"], case["excludePaths"])(case["changed"])


@pytest.mark.parametrize("case", cases("git_selection.json", lambda case: case["op"] == "select"))
async def test_select(case):
    """The best revisions in order, as discovery records them."""
    if "error" in case["want"]:
        with pytest.raises((ValueError, Invalid)):
            await found(case)
        return
    commits = await found(case)
    kept = [
        {key: commit.get(key, "") for key in expected}
        for commit, expected in zip(commits, case["want"]["selected"], strict=True)
    ]
    assert case["want"]["selected"] == kept
    if "subjects" in case["want"]:
        assert case["want"]["subjects"] == [commit["subject"] for commit in commits]


async def found(case):
    """Discover over a history that holds the case's commits or tags."""
    subscription = GitSubscription.model_validate(case["subscription"])
    return (await discover_git(subscription, asking(git=History(case))))["commits"]


@dataclass
class Refs:
    """Tags by name."""

    tags: dict


class History:
    """The case's commits and tags, behind the protocol discovery asks by."""

    def __init__(self, case):
        self.given = case
        self.refs = Refs({each["tag"]: each["commitID"] for each in case.get("tags", ())})

    async def view(self, url, **how):
        """Show itself."""
        return self

    def branch(self, name):
        """Every branch is the case's."""
        return name or "main", "tip"

    async def commits(self, tip, *, skip, limit):
        """A page of the branch."""
        page = self.given["commits"][skip : skip + limit]
        return [
            Commit(
                each["id"],
                datetime.fromisoformat(each["commitDate"]),
                each["author"],
                each["committer"],
                each["subject"],
                tuple(each["paths"]),
            )
            for each in page
        ]

    async def tags(self):
        """All tags."""
        return [
            Tag(
                each["tag"],
                each["commitID"],
                datetime.fromisoformat(each["creatorDate"]),
                each["author"],
                each["committer"],
                each["subject"],
                each.get("tagger", ""),
                each.get("annotation", ""),
            )
            for each in self.given["tags"]
        ]

    async def changed(self, commits):
        """The paths of the tags' commits."""
        return {each["commitID"]: tuple(each["paths"]) for each in self.given["tags"]}
