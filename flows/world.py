"""Everything a flow reaches outside through, opened once per event loop and shared by all runs in it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from weakref import WeakKeyDictionary

import re2
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from blocks.argocd import ArgoCD
from blocks.argocd_block import ArgoCDConnection
from blocks.chart_repository import ChartRepositories
from blocks.credentials import GenericSecret, RepositoryCredentials, SecretBlock, block_name, read_secrets
from blocks.errors import NotFound, Unreachable
from blocks.git.mirror import Mirrors
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from blocks.records import Credentials
from blocks.settings import Settings
from flows.promotion.result import CredentialsFor
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

log = logging.getLogger("drayage")

SECRETS_SECONDS = 15.0
"""How long secrets read from Prefect are used before they are read again."""

NORMALIZE = {"git": normalize_git, "image": normalize_image, "helm": normalize_chart}


@dataclass
class World:
    """The ledger, Git, registries, secrets and clusters, as this process is set up to reach them."""

    settings: Settings
    ledger: Ledger
    git: Mirrors
    registry: ImageRegistry
    charts: ChartRepositories
    _secrets: dict[str, tuple[float, list[SecretBlock]]] = field(default_factory=dict, repr=False)
    _clusters: dict[str, tuple[float, ArgoCD]] = field(default_factory=dict, repr=False)

    async def secrets(self, project: str) -> list[SecretBlock]:
        """Read what the project may use, its own first, then the shared ones."""
        read_at, secrets = self._secrets.get(project, (float("-inf"), []))
        if monotonic() - read_at > SECRETS_SECONDS:
            async with get_client() as client:
                secrets = await read_secrets(client, project)
            self._secrets[project] = (monotonic(), secrets)
        return secrets

    def credentials(self, project: str) -> CredentialsFor:
        """Make the look-up of repository credentials for one project (Kargo: exact before regex)."""

        async def find(cred_type: str, repo_url: str) -> Credentials | None:
            known = [block for block in await self.secrets(project) if isinstance(block, RepositoryCredentials)]
            chosen = choose_credentials(known, cred_type, repo_url)
            log.debug(
                "%s %s is opened with %s",
                cred_type,
                NORMALIZE[cred_type](repo_url),
                chosen.name if chosen else "no credentials",
            )
            return chosen

        return find

    async def generic_secrets(self, project: str, *, shared: bool = False) -> dict[str, dict[str, str]]:
        """Read the generic secrets of the project, or the shared ones, by name."""
        return {
            block.secret_name: {key: str(value) for key, value in block.data.get_secret_value().items()}
            for block in await self.secrets(project)
            if isinstance(block, GenericSecret) and (block.project == project) != shared
        }

    async def argocd(self, project: str) -> ArgoCD:
        """Connect to the project's Argo CD: block `drayage-argocd/<project>`, else `drayage-argocd/default`."""
        read_at, cluster = self._clusters.get(project, (float("-inf"), None))
        if cluster is None or monotonic() - read_at > SECRETS_SECONDS:
            cluster = (await _argocd_block(project)).connect()
            self._clusters[project] = (monotonic(), cluster)
        return cluster


def choose_credentials(known: list[RepositoryCredentials], cred_type: str, repo_url: str) -> Credentials | None:
    """Pick what opens a repository: own before shared, in each exact before regex, then by name.

    Source: Kargo, Managing Secrets. A pattern may match the URL as written or normalised, anywhere in it.
    """
    normalize = NORMALIZE[cred_type]
    kind = [block for block in known if block.cred_type == cred_type]
    for project in dict.fromkeys(block.project for block in kind):
        own = [block for block in kind if block.project == project]
        exact = [b for b in own if not b.repo_url_is_regex and normalize(b.repo_url) == normalize(repo_url)]
        pattern = [b for b in own if b.repo_url_is_regex and _matches(b.repo_url, (repo_url, normalize(repo_url)))]
        if found := exact or pattern:
            best = found[0]
            return Credentials(best.secret_name, best.username, best.password.get_secret_value())
    return None


def _matches(pattern: str, urls: tuple[str, ...]) -> bool:
    try:
        return any(re2.search(pattern, url) for url in urls)
    except re2.error:
        return False


async def _argocd_block(project: str) -> ArgoCDConnection:
    for name in (block_name(project, "argocd"), "default"):
        try:
            block: ArgoCDConnection = await ArgoCDConnection.aload(name)
        except ValueError as error:
            if not isinstance(error.__cause__, ObjectNotFound):
                raise
        else:
            return block
    raise NotFound(
        f"no Argo CD is known for project {project!r}: save a Prefect block 'drayage-argocd/default' "
        f"(or 'drayage-argocd/{block_name(project, 'argocd')}')"
    )


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
    return World(
        settings=settings,
        ledger=await Ledger.open(settings.ledger),
        git=Mirrors(
            settings.root / "mirrors",
            allow_file=settings.allow_file_repositories,
            allow_plain_http_credentials=over_http,
        ),
        registry=ImageRegistry(allow_plain_http_credentials=over_http),
        charts=ChartRepositories(allow_plain_http_credentials=over_http),
    )


async def close_world() -> None:
    """Close this event loop's world, if it has one. A script calls it last; a worker's loop never does."""
    if opened := _worlds.pop(asyncio.get_running_loop(), None):
        here = await opened
        await here.registry.aclose()
        await here.charts.aclose()
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
