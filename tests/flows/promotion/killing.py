"""Steps that run in processes of their own and die there: what tests of every kind share."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployments.sandbox.server import Sandbox
from tests.servers.doomed_step import Life
from tests.servers.doomed_worker import Nursery, alive

USER, TOKEN, NAME, FREIGHT = "keeper", "planted-token-44cd", "acme/app", "f" * 40
STARTED = datetime(2025, 6, 1, 12, tzinfo=UTC)
DEATHS = ("before", "after")
LONGEST = 60.0
"""Seconds a process may take for one attempt."""

Json = dict[str, Any]


@dataclass
class Scene:
    """A working directory, a sandbox and the processes that work on them."""

    sandbox: Sandbox
    folder: Path
    nursery: Nursery
    lives: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def url(self) -> str:
        """The repository on the sandbox's GitHub."""
        return f"{self.sandbox.url}/{NAME}.git"

    async def step(self, uses: str, config: Json, deaths: tuple[str, ...] = DEATHS) -> Json:
        """Run a step to its end as the engine would, dying in every attempt; return what came of it."""
        outputs: Json = {}
        for _ in range(40):
            for death in deaths:
                await self._live(uses, config, outputs, death)
                self.now += timedelta(seconds=7)
            said = json.loads(await self._live(uses, config, outputs))
            if said["type"] != "Waiting":
                return dict(said)
            outputs = said["outputs"]
            await asyncio.sleep(0.05)
        raise AssertionError(f"{uses} waits for ever: {said}")

    async def prepare(self, uses: str, **config: Any) -> Json:
        """Run a step without any death."""
        return await self.step(uses, config, ())

    async def _live(self, uses: str, config: Json, previous: Json, death: str = "") -> str:
        """Do one attempt in a process of its own and return its answer, which is empty when it died."""
        self.lives += 1
        answer = self.folder.parent / f"answer-{self.lives}.json"
        places = {"folder": str(self.folder), "answer": str(answer), "cluster": self.sandbox.url, "freight": FREIGHT}
        times = {"now": self.now.isoformat(), "started": STARTED.isoformat()}
        pid = await self.nursery.bear(
            Life(uses, config, **places, **times, login=[USER, TOKEN], previous=previous, death=death)
        )
        async with asyncio.timeout(LONGEST):
            while alive(pid):
                await asyncio.sleep(0.01)
        assert answer.exists() != bool(death), f"{uses}, to die {death or 'never'}: {self.nursery.said()}"
        return "" if death else answer.read_text()
