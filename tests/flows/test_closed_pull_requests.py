"""Which promotions to wake: one listing for each repository, and no host that fails hinders another."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from blocks.code_hosts import github
from blocks.ledger.records import PromotionRecord
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows import pull_requests
from flows.promotion.pull_requests import KIND
from flows.pull_requests import closed_pull_requests, waits_for_it

USER, TOKEN = "keeper", "planted-token-81d0"
LIST = "/api/v3/repos/{}/pulls"


@dataclass
class Outside:
    """What of the world is looked through: the way out, and credentials."""

    sandbox: Sandbox
    web: Web

    def credentials(self, project):
        """Everybody's are the same."""

        async def find(cred_type, repo_url):
            return Credentials("keeper", USER, TOKEN)

        return find

    def waiting(self, number, repository="acme/app", project="shop", **more):
        """A promotion that waits for a pull request."""
        url = f"{self.sandbox.url}/{repository}.git"
        wake_when = {"kind": KIND, "repoURL": url, "provider": "github", "insecure": False, "number": number}
        return PromotionRecord(
            project,
            f"test.{number}.{repository}",
            "test",
            "f1",
            "web",
            "ann",
            datetime(2026, 3, 1, tzinfo=UTC),
            waiting_for={"message": "", "wake_when": wake_when | more},
        )

    def asked(self, repository="acme/app"):
        """How often its pull requests were listed, and how often single ones were asked for."""
        path = LIST.format(repository)
        counted = self.sandbox.faults.requests
        return counted[path], sum(count for each, count in counted.items() if each.startswith(f"{path}/"))


@pytest.fixture
async def outside(tmp_path):
    """Two repositories; acme/app has five pull requests: 2 is merged, 4 closed."""
    web = Web(allow_plain_http_credentials=True)
    async with Sandbox(tmp_path, users={USER: TOKEN}) as sandbox:
        for name, count in (("acme/app", 5), ("acme/other", 1)):
            await sandbox.create_repository(name, {"a": "1\n"})
            main = await sandbox.world.pulls.merges.tip(name, "main")
            for number in range(1, count + 1):
                await sandbox.world.pulls.merges.move(name, f"b{number}", main, "0" * 40)
                await sandbox.commit(name, {f"f{number}": "x"}, "x", f"b{number}")
                await sandbox.world.pulls.open(name, f"b{number}", "main", "t")
        await sandbox.world.pulls.merge("acme/app", 2)
        await sandbox.world.pulls.change("acme/app", 4, state="closed")
        yield Outside(sandbox, web)
        await web.aclose()


async def test_one_listing_for_all(outside):
    """The merged, the closed and the one that is gone have come; asked once, however many wait."""
    waiting = [outside.waiting(number) for number in (1, 2, 3, 4, 5, 99)]
    assert await closed_pull_requests(outside, waiting) == [waiting[1], waiting[3], waiting[5]]
    assert outside.asked() == (1, 0)


async def test_nobody_waits(outside):
    """Nobody is asked."""
    assert await closed_pull_requests(outside, []) == []
    assert outside.asked() == (0, 0)


async def test_a_host_that_fails(outside, caplog):
    """It is told, without the token, and others are looked at all the same."""
    outside.sandbox.faults.add(Fault(match=LIST.format("acme/app"), kind="status", status=401))
    bad = [
        outside.waiting(2),
        outside.waiting(2, repository="acme/none"),
        outside.waiting(2, provider="svn"),
        outside.waiting(2, repository="x"),
    ]
    good = outside.waiting(9, repository="acme/other")
    assert await closed_pull_requests(outside, [*bad, good]) == [good]
    assert caplog.text.count("cannot look whether pull requests are still open") == len(bad)
    assert TOKEN not in caplog.text


async def test_a_host_that_hangs(outside, monkeypatch, caplog):
    """What was found until then counts, and the sweep goes on."""
    monkeypatch.setattr(pull_requests, "LONGEST", 1.0)
    outside.sandbox.faults.add(Fault(match=LIST.format("acme/other"), kind="delay", seconds=5))
    waiting = [outside.waiting(9, repository="acme/other"), outside.waiting(2)]
    assert await closed_pull_requests(outside, waiting) == [waiting[1]]
    assert "not all pull requests were looked at within 1 s" in caplog.text


async def test_a_list_that_is_too_long(outside, monkeypatch):
    """What was not on its pages is asked for by itself, but no more than so many; the rest waits for the next look."""
    monkeypatch.setattr(github, "PAGE", 1)
    monkeypatch.setattr(github, "MOST_PAGES", 2)
    waiting = [outside.waiting(number) for number in (1, 2, 3, 4, 5, 99)]
    assert await closed_pull_requests(outside, waiting) == [waiting[1], waiting[3], waiting[5]]
    assert outside.asked() == (2, 4)
    monkeypatch.setattr(pull_requests, "MOST_SINGLE", 2)
    assert await closed_pull_requests(outside, waiting) == [waiting[1]]


def test_who_waits_for_it(outside):
    """That very pull request, however the URL is spelled, and nothing of another kind."""
    host = outside.sandbox.host.partition(":")[0]
    waiting = [outside.waiting(1), outside.waiting(2), outside.waiting(1, repository="acme/other")]
    waiting.append(outside.waiting(1, kind="answer"))
    for url in (f"https://{host}/acme/app", f"git@{host}:Acme/App.git", f"{outside.sandbox.url}/acme/app.git"):
        assert waits_for_it(waiting, url, 1) == [waiting[0]]
    assert waits_for_it(waiting, "no url", 1) == []
