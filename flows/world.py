"""Everything a flow reaches outside through, opened once per event loop and shared by all runs in it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from blocks.argocd_block import Connection
from blocks.budget import Budgets
from blocks.chart_repository import ChartRepositories
from blocks.client_credentials import Tokens
from blocks.config_maps import read_config_maps
from blocks.credential_exchange.ambient import clouds
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site
from blocks.credentials import SHARED
from blocks.errors import Unreachable
from blocks.git.mirror import Mirrors
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from blocks.records import BudgetKey, BudgetState
from blocks.settings import Settings
from blocks.web import Web
from flows.clock import Clock
from flows.clusters import Clusters
from flows.credentials_lookup import CredentialsLookup
from flows.job_clusters import JobClusters
from flows.promotion.result import CredentialsFor
from flows.verification.sharing import Sharing

SHARED_SECONDS = 5.0
"""How long several Warehouses share one answer of an image registry."""


@dataclass
class World:
    """The ledger, Git, registries, secrets and clusters, as this process is set up to reach them.

    `stirred` is set when a Stage has changed in this process. `tells` says whether Prefect is told what happens; in a
    trial without one it is not.
    """

    settings: Settings
    ledger: Ledger
    git: Mirrors
    registry: ImageRegistry
    charts: ChartRepositories
    web: Web
    lookup: CredentialsLookup = field(repr=False)
    budgets: tuple[Budgets, ...] = ()
    reported: dict[BudgetKey, BudgetState] = field(default_factory=dict, repr=False)
    clock: Clock = field(default_factory=Clock)
    tells: bool = True
    metrics: Web = field(default_factory=lambda: Web(allow_plain_http_credentials=True), repr=False)
    job_clusters: JobClusters = field(default_factory=JobClusters, repr=False)
    measurements: Sharing = field(default_factory=Sharing, repr=False)
    tokens: Tokens = field(default_factory=Tokens, repr=False)
    clusters: Clusters = field(default_factory=Clusters, repr=False)
    stirred: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def credentials(self, project: str) -> CredentialsFor:
        """Make the look-up of repository credentials for one project (Kargo: exact before regex)."""
        return self.lookup.credentials(project)

    async def generic_secrets(self, project: str, *, shared: bool = False) -> dict[str, dict[str, str]]:
        """Read the generic secrets of the project, or the shared ones, by name."""
        return await self.lookup.generic(project, shared=shared)

    async def config_maps(self, project: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        """Read the ConfigMaps of the project and the shared ones, each by name."""
        async with get_client() as client:
            return await read_config_maps(client, project), await read_config_maps(client, SHARED)

    async def argocd(self, project: str, name: str = "") -> Connection:
        """Connect to an Argo CD of the project by the name of its block; without one to its default."""
        return await self.clusters.of(project, name)


_worlds: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[World]] = WeakKeyDictionary()


async def world() -> World:
    """Return this event loop's world; the first caller opens it."""
    loop = asyncio.get_running_loop()
    if loop not in _worlds or (_worlds[loop].done() and (_worlds[loop].cancelled() or _worlds[loop].exception())):
        _worlds[loop] = asyncio.ensure_future(_open(Settings()))
    return await asyncio.shield(_worlds[loop])


async def _open(settings: Settings) -> World:
    settings.root.mkdir(parents=True, exist_ok=True)
    over_http = settings.allow_credentials_over_http
    ledger = await Ledger.open(settings.ledger)
    http_budgets, git_budgets = await _budgets(settings, ledger)
    return World(
        settings=settings,
        ledger=ledger,
        git=Mirrors(
            settings.root / "mirrors",
            allow_file=settings.allow_file_repositories,
            allow_plain_http_credentials=over_http,
            max_bytes=settings.mirrors_max_bytes,
            budgets=git_budgets,
            committing=settings.committing,
        ),
        registry=ImageRegistry(
            allow_plain_http_credentials=over_http, shared_seconds=SHARED_SECONDS, budgets=http_budgets
        ),
        charts=ChartRepositories(allow_plain_http_credentials=over_http, budgets=http_budgets),
        web=Web(allow_plain_http_credentials=over_http, budgets=http_budgets),
        # Metric servers are mostly inside clusters, where Argo Rollouts sends logins over plain http, too.
        metrics=Web(allow_plain_http_credentials=True, budgets=http_budgets),
        lookup=CredentialsLookup(Exchanger(_site(settings))),
        clusters=Clusters(allow_plain_http_credentials=over_http),
        job_clusters=JobClusters(allow_plain_http_credentials=over_http),
        budgets=(http_budgets, git_budgets),
    )


async def _budgets(settings: Settings, ledger: Ledger) -> tuple[Budgets, Budgets]:
    """Those for HTTP and for Git, going on from what was written down: who wanted peace has it after a restart too."""
    budgets = Budgets(settings.pace), Budgets(settings.git_pace, kind="git")
    known = await ledger.budgets.list()
    for each in budgets:
        each.recall(known)
    return budgets


def _site(settings: Settings) -> Site:
    ambient = clouds(settings.ambient_credentials, os.environ)
    return Site(ambient=ambient, allow_plain_http=settings.allow_credentials_over_http)


async def close_world() -> None:
    """Close this event loop's world, if it has one. A script calls it last; a worker's loop never does."""
    if opened := _worlds.pop(asyncio.get_running_loop(), None):
        here = await opened
        await here.clusters.close()
        await here.job_clusters.close()
        await here.registry.aclose()
        await here.charts.aclose()
        await here.web.aclose()
        await here.metrics.aclose()
        here.lookup.clear()
        await here.ledger.close()


@asynccontextmanager
async def opened_world() -> AsyncIterator[World]:
    """Open the world for one command or script and close it after."""
    try:
        yield await world()
    finally:
        await close_world()


async def read_prefect_health() -> None:
    """Raise Unreachable with a sentence when no Prefect server answers."""
    if not PREFECT_API_URL.value():  # Prefect would start a server of its own, in which nobody works
        raise Unreachable("PREFECT_API_URL is not set: start 'drayage up' and export what it prints")
    async with get_client() as client:
        if error := await client.api_healthcheck():
            raise Unreachable(
                f"no Prefect server answers at {client.api_url}: {type(error).__name__}; start one with "
                "'drayage up' or set PREFECT_API_URL"
            )
