"""Another process at the same ledger: `python -m tests.blocks.ledger.worker URL WHAT ARGUMENTS`."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import Phase
from blocks.ledger.tables import promotions
from tests.blocks.ledger.samples import ORIGIN, at

ROOT = Path(__file__).parents[3]


def spawn(url: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start another process; the URL goes by the environment, as it holds a password."""
    command = [sys.executable, "-m", "tests.blocks.ledger.worker", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "LEDGER": url}, stdout=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> Any:
    """What another process printed at its end."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return json.loads(out)


async def claim_all(ledger: Ledger, owner: str, count: str) -> list[int]:
    """Start this owner's promotion in each of many Stages and tell in which it began."""
    begun = []
    for stage in range(int(count)):
        key = ("p", f"{stage}.{owner}", owner, at(1), {ORIGIN: "f1"}, at(0))
        if isinstance(await ledger.promotions.start(*key), Started):
            begun.append(stage)
    return begun


async def die_writing(ledger: Ledger, name: str) -> None:
    """Be killed in the middle of a transaction that finishes a promotion."""
    async with ledger.database.write() as connection:
        finished = sa.update(promotions).where(promotions.c.name == name).values(phase=Phase.SUCCEEDED)
        await connection.execute(finished)
        os.kill(os.getpid(), signal.SIGKILL)


async def opened(ledger: Ledger) -> str:
    """Only open the ledger, which migrates it."""
    return ledger.database.where


async def main(what: str, *arguments: str) -> None:
    """Open the ledger, do one thing, print what came of it."""
    ledger = await Ledger.open(os.environ["LEDGER"])
    done = {"claim_all": claim_all, "die_writing": die_writing, "opened": opened}[what]
    print(json.dumps(await done(ledger, *arguments)))
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
