"""Waiting for what a promotion comes to, and looking at what it leaves behind."""

from dataclasses import replace
from pathlib import Path

from blocks.ledger.records import PromotionRecord
from tests.servers.guestbook import Guestbook, until
from tests.servers.prefect_runs import runs_of


def hold_up(guestbook: Guestbook, held: bool = True) -> None:
    """Let no workload come up until this is called with `held=False`: whoever waits for health waits."""
    controller = guestbook.sandbox.world.controller
    controller.timing = replace(controller.timing, progressing=600.0 if held else 0.3)


async def at_step(guestbook: Guestbook, record: PromotionRecord, alias: str) -> None:
    """Wait until a step is under way."""

    async def there() -> bool:
        steps = await guestbook.here.ledger.promotions.steps(record.project, record.name)
        return any(step.alias.endswith(alias) and not step.finished_at for step in steps)

    await until(there, f"step {alias}", 30)


async def in_state(guestbook: Guestbook, record: PromotionRecord, *names: str, seconds: float = 8) -> None:
    """Wait until the promotion's run is in one of these states."""

    async def there() -> bool:
        return await guestbook.run_state(record) in names

    try:
        await until(there, f"a run that is {' or '.join(names)}", seconds)
    except AssertionError:
        now = await guestbook.here.ledger.promotions.get(record.project, record.name)
        raise AssertionError(f"the run is {await guestbook.run_state(record)} and not {names}: {now}") from None


async def nothing_runs(guestbook: Guestbook) -> None:
    """Wait until no flow run, subflow run or task run of the Stage is under way; events take a moment to arrive."""

    async def there() -> bool:
        return all(run.final for run in await runs_of(guestbook.project))

    await until(there, "the end of everything", 30)


def git_processes(guestbook: Guestbook) -> list[str]:
    """Git at work on this sandbox's repositories."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if Path(words[0]).name.startswith("git") and any(guestbook.sandbox.host in word for word in words):
                found.append(" ".join(words))
    return found


async def commits_of(guestbook: Guestbook, record: PromotionRecord, branch: str = "stage/test") -> list[str]:
    """The first lines of the commits that a promotion made, newest first."""
    return [each.partition("\n")[0] for each in await guestbook.commits(branch) if record.name in each]


ONE_COMMIT = ["Updated ./src/env/test/deployment.yaml", "Initial commit"]
"""What the first promotion to the Stage `test` commits: the branch, once, and its change, once."""
