"""The world of one rehearsal: a sandbox for all that is outside, a ledger in a temporary folder, and no Prefect."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ulid import ULID

from blocks.argocd import ArgoCD
from blocks.chart_repository import ChartRepositories
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site
from blocks.credentials import SHARED
from blocks.git.mirror import Mirrors
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from blocks.records import Credentials
from blocks.redirect import redirected
from blocks.settings import Settings
from blocks.web import Web
from deployments.manifests.load import Manifests
from deployments.rehearsal.addresses import redirects
from deployments.rehearsal.clock import MovableClock
from deployments.rehearsal.furnish import furnish
from deployments.rehearsal.scenario import Scenario
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox
from flows.credentials_lookup import CredentialsLookup
from flows.promotion.result import CredentialsFor
from flows.world import World

TIMING = Timing(poll=0.5, syncing=0.0, progressing=0.0)
"""A cluster that is as fast as it can be."""


@dataclass
class RehearsalWorld(World):
    """A world in which nothing asks for credentials and secrets are those of the manifests."""

    manifests: Manifests | None = field(default=None, repr=False)
    cluster: str = ""
    _argocd: ArgoCD | None = field(default=None, repr=False)

    def credentials(self, project: str) -> CredentialsFor:
        """Nothing here asks for credentials."""

        async def find(cred_type: str, repo_url: str) -> Credentials | None:
            return None

        return find

    async def generic_secrets(self, project: str, *, shared: bool = False) -> dict[str, dict[str, str]]:
        """The generic Secrets of the manifests."""
        owner = SHARED if shared else project
        known = self.manifests.secrets if self.manifests else []
        return {
            each.name: {key: value.get_secret_value() for key, value in each.values.items()}
            for each in known
            if each.cred_type == "generic" and each.project == owner
        }

    async def config_maps(self, project: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        """The ConfigMaps of the manifests."""
        known = self.manifests.config_maps if self.manifests else []
        own, shared = ({each.name: each.data for each in known if each.project == name} for name in (project, SHARED))
        return own, shared

    async def argocd(self, project: str, name: str = "") -> ArgoCD:
        """The sandbox's Argo CD."""
        if self._argocd is None:
            self._argocd = ArgoCD.from_token(self.cluster, "")
        return self._argocd

    async def close_argocd(self) -> None:
        """Stop watching the sandbox."""
        if self._argocd:
            await self._argocd.close()


@dataclass(frozen=True)
class Stand:
    """Where one scenario is played: what Drayage reaches, the sandbox behind it, and the time."""

    here: RehearsalWorld
    sandbox: Sandbox
    clock: MovableClock

    def ulid(self) -> str:
        """A name that sorts by this world's time."""
        return str(ULID.from_datetime(self.clock.now()))


@asynccontextmanager
async def stand(root: Path, manifests: Manifests, scenario: Scenario, file: Path) -> AsyncIterator[Stand]:
    """Open the world of one scenario below `root`, filled as it says; all is closed after. Raises Invalid."""
    clock = MovableClock(scenario.begins_at)
    async with AsyncExitStack() as opened:
        sandbox = await opened.enter_async_context(Sandbox(root / "sandbox", timing=TIMING))
        (root / "drayage").mkdir()
        await furnish(sandbox.world, scenario, file)
        opened.enter_context(redirected(redirects(scenario, sandbox)))
        here = await _world(root / "drayage", clock, sandbox.url, manifests)
        for close in (
            here.close_argocd,
            here.registry.aclose,
            here.charts.aclose,
            here.web.aclose,
            here.ledger.close,
        ):
            opened.push_async_callback(close)
        await here.ledger.definitions.apply(manifests.definitions, [], "user:rehearsal", scenario.begins_at)
        yield Stand(here, sandbox, clock)


async def _world(root: Path, clock: MovableClock, cluster: str, manifests: Manifests) -> RehearsalWorld:
    settings = Settings(_env_file=None, home=root, ledger_url=None, ambient_credentials="none")
    return RehearsalWorld(
        settings=settings,
        ledger=await Ledger.open(settings.ledger),
        git=Mirrors(root / "mirrors", memory=0.0),
        registry=ImageRegistry(),
        charts=ChartRepositories(),
        web=Web(),
        lookup=CredentialsLookup(Exchanger(Site())),
        clock=clock,
        tells=False,
        manifests=manifests,
        cluster=cluster,
    )
