"""Single attempts of steps in processes that die before or after them: how tests plant a death in every kind of step.

`python -m tests.servers.doomed_step` imports everything once and then forks a process for each line of its input.
"""

import asyncio
import inspect
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from blocks.argocd import ArgoCD
from blocks.chart_repository import ChartRepositories
from blocks.git.mirror import Mirrors
from blocks.image_registry import ImageRegistry
from blocks.ledger.records import PromotionRecord
from blocks.records import Credentials
from blocks.settings import Settings
from blocks.web import Web
from flows.control_plane import ControlPlane
from flows.promotion.attempt import attempt
from flows.promotion.result import StepContext
from flows.promotion.steps import STEPS
from flows.world import opened_world


@dataclass(frozen=True)
class Life:
    """One attempt of a step and whether its process dies `before` or `after` it; where it is empty, it lives.

    `answer` is the file the result goes to.
    """

    uses: str
    config: dict[str, Any]
    folder: str
    answer: str
    cluster: str
    freight: str
    now: str
    started: str
    login: list[str] = field(default_factory=list)
    previous: dict[str, Any] = field(default_factory=dict)
    death: str = ""

    def die(self, moment: str) -> None:
        """End this process as a power cut would, when this is the moment."""
        if self.death == moment:
            os.kill(os.getpid(), signal.SIGKILL)


NOTING = {"gh-create-issue", "record-audit-event", "set-freight-alias", "set-metadata"}
PROJECT, PROMOTION = "shop", "test.01jx.abc1234"


async def live(life: Life) -> None:
    """Do the attempt and say what came of it."""
    kinds = {life.uses: _deadly(STEPS[life.uses], life)}
    async with AsyncExitStack() as stack:
        result = await attempt({"uses": life.uses}, life.config, await _context(life, stack), kinds)
    said = {"type": type(result).__name__, "message": result.message, "outputs": result.outputs}
    answer = Path(life.answer)
    answer.with_suffix(".part").write_text(json.dumps(said))
    answer.with_suffix(".part").rename(answer)


async def _context(life: Life, stack: AsyncExitStack) -> StepContext:
    """What the step is given; the ledger is opened only for those that change it, because that takes a while."""
    started = datetime.fromisoformat(life.started)
    here = replace(await stack.enter_async_context(opened_world()), tells=False) if life.uses in NOTING else None
    record = PromotionRecord(PROJECT, PROMOTION, "test", life.freight, "Warehouse/main", "user:ann", started)

    async def credentials(cred_type: str, repo_url: str) -> Credentials | None:
        return Credentials("keeper", *life.login) if life.login else None

    async def argocd(name: str = "") -> ArgoCD:
        return ArgoCD.from_token(life.cluster, "")

    return StepContext(
        work_dir=Path(life.folder),
        project=PROJECT,
        stage="test",
        promotion=PROMOTION,
        alias="step",
        actor="user:ann",
        started_at=started,
        credentials=credentials,
        git=Mirrors(Settings().root / "mirrors", allow_plain_http_credentials=True),
        argocd=argocd,
        ask=Web(allow_plain_http_credentials=True).request,
        control=ControlPlane(here, record) if here else None,
        registry=ImageRegistry(allow_plain_http_credentials=True),
        chart_repositories=ChartRepositories(allow_plain_http_credentials=True),
        freight=life.freight,
        now=datetime.fromisoformat(life.now),
        previous=life.previous,
        trailers={"Drayage-Promotion": PROMOTION},
        images=[{"repoURL": "acme/web", "tag": "2.0.0", "digest": "", "origin": "main"}],
    )


def _deadly(module: Any, life: Life) -> Any:
    """The step module with death before and after `run`."""

    async def run(config: Any, ctx: StepContext) -> Any:
        life.die("before")
        found = module.run(config, ctx)
        result = await found if inspect.isawaitable(found) else found
        life.die("after")
        return result

    return SimpleNamespace(**vars(module) | {"run": run})


def _fork(life: Life) -> int:
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        asyncio.run(live(life))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(0)


def main() -> None:
    """Fork a process for each line and say its id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        print(_fork(Life(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
