"""Projects are told at once and not needlessly often."""

import asyncio
from collections import Counter

from flows.announcer import Announcer


async def test_what_comes_while_a_project_is_told_shares_the_next_telling():
    """Ten new Freight in one project make two tellings: the first at once, the second sees all the others."""
    told, seen = [], 0

    async def tell(project):
        told.append((project, seen))
        await asyncio.sleep(0.05)

    announcer = Announcer(tell)
    tasks = []
    for seen in range(1, 11):  # noqa: B007  read by tell
        tasks.append(asyncio.create_task(announcer.announce("a")))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert told == [("a", 1), ("a", 10)]


async def test_projects_do_not_wait_for_each_other():
    """While one project is slow to be told, another is told, again and again."""
    told, release = Counter(), asyncio.Event()

    async def tell(project):
        told[project] += 1
        if project == "slow":
            await release.wait()

    announcer = Announcer(tell)
    slow = asyncio.create_task(announcer.announce("slow"))
    await asyncio.sleep(0)
    for _ in range(3):
        await announcer.announce("quick")
    assert told == {"slow": 1, "quick": 3}
    release.set()
    await slow
