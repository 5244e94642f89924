"""Which of a project's credentials open a repository, and what they are exchanged for when they are no password."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

import re2
from prefect.client.orchestration import get_client

from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.github_app import SCOPES, may_open
from blocks.credential_exchange.wanted import Wanted
from blocks.credentials import SHARED, GenericSecret, RepositoryCredentials, SecretBlock, read_secrets
from blocks.errors import Invalid
from blocks.git.access import USERINFO
from blocks.records import Credentials
from blocks.single_flight import SingleFlight
from flows.promotion.result import CredentialsFor
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

log = logging.getLogger("drayage")

SECRETS_SECONDS = 15.0
"""How long secrets read from Prefect are used before they are read again."""

MISSED_SECONDS = 1.0
"""How old secrets may be that hold nothing for a repository: what opens it may just have been saved."""

NORMALIZE = {"git": normalize_git, "image": normalize_image, "helm": normalize_chart}


class CredentialsLookup:
    """Finds credentials for all projects, from secrets that are read once for all. Belongs to one event loop."""

    def __init__(self, exchanger: Exchanger, seconds: float = SECRETS_SECONDS) -> None:
        """Read nothing yet; what is read is used for so many seconds."""
        self._exchanger, self._seconds = exchanger, seconds
        self._reading: SingleFlight[None] = SingleFlight()
        self._read_at, self._secrets = float("-inf"), list[SecretBlock]()

    async def secrets(self, project: str, seconds: float | None = None) -> list[SecretBlock]:
        """Read what the project may use, its own first, then the shared ones; no older than so many seconds."""
        if monotonic() - self._read_at > (self._seconds if seconds is None else seconds):
            await self._reading.do("all", self._read)
        return [block for block in self._secrets if block.project in (project, SHARED)]

    async def generic(self, project: str, *, shared: bool = False) -> dict[str, dict[str, str]]:
        """Read the generic secrets of the project, or the shared ones, by name.

        They are read anew each time: nothing tells that one was saved or changed a moment ago.
        """
        return {
            block.secret_name: {key: str(value) for key, value in block.data.get_secret_value().items()}
            for block in await self.secrets(project, seconds=0)
            if isinstance(block, GenericSecret) and (block.project == project) != shared
        }

    def credentials(self, project: str) -> CredentialsFor:
        """Make the look-up for one project. Each request is logged with the name of what was found."""

        async def find(cred_type: str, repo_url: str) -> Credentials | None:
            chosen = await self._chosen(project, cred_type, repo_url)
            opened = await self._open(project, cred_type, repo_url, chosen)
            message = "project %s opens %s %s with %s"
            if opened:
                log.info(message, project, cred_type, _shown(cred_type, repo_url), f"credentials {opened.name!r}")
            else:
                log.debug(message, project, cred_type, _shown(cred_type, repo_url), "no credentials")
            return opened

        return find

    def clear(self) -> None:
        """Forget all secrets and tokens."""
        self._read_at, self._secrets = float("-inf"), []
        self._exchanger.clear()

    async def _chosen(self, project: str, cred_type: str, repo_url: str) -> RepositoryCredentials | None:
        """Choose from secrets that were read before, and where these hold nothing, from fresh ones."""
        for seconds in (self._seconds, min(self._seconds, MISSED_SECONDS)):
            secrets = await self.secrets(project, seconds)
            known = [block for block in secrets if isinstance(block, RepositoryCredentials)]
            if chosen := choose_credentials(known, cred_type, repo_url):
                return chosen
        return None

    async def _read(self) -> None:
        async with get_client() as client:
            self._secrets = await read_secrets(client)
        self._read_at = monotonic()

    async def _open(
        self, project: str, cred_type: str, repo_url: str, chosen: RepositoryCredentials | None
    ) -> Credentials | None:
        url = NORMALIZE[cred_type](repo_url)
        if chosen is None:
            return await self._exchanger.ambient(Wanted(project, cred_type, url, ""))
        if not permitted(chosen, project, url):
            shown = _shown(cred_type, repo_url)
            log.info("project %s may not open %s with credentials %r", project, shown, chosen.secret_name)
            return None
        opened = await self._exchanger.open(Wanted(project, cred_type, url, chosen.secret_name), chosen.values())
        return opened and replace(opened, owner=chosen.project)


def choose_credentials(
    known: Sequence[RepositoryCredentials], cred_type: str, repo_url: str
) -> RepositoryCredentials | None:
    """Pick what opens a repository: own before shared, in each exact before regex, then by name.

    `known` is sorted so. Source: Kargo, Managing Secrets. A pattern may match the URL as written or normalised,
    anywhere in it.
    """
    normalize = NORMALIZE[cred_type]
    kind = [block for block in known if block.cred_type == cred_type]
    for project in dict.fromkeys(block.project for block in kind):
        own = [block for block in kind if block.project == project]
        exact = [b for b in own if not b.repo_url_is_regex and normalize(b.repo_url) == normalize(repo_url)]
        pattern = [b for b in own if b.repo_url_is_regex and _matches(b.repo_url, (repo_url, normalize(repo_url)))]
        if found := exact or pattern:
            return found[0]
    return None


def permitted(chosen: RepositoryCredentials, project: str, url: str) -> bool:
    """Whether the credentials' annotation lets a project open a repository. Raises Invalid when it is unreadable."""
    if not (chosen.github_app_client_id or chosen.github_app_id):
        return True
    try:
        return may_open(chosen.github_token_scopes, project, url)
    except Invalid as error:
        raise Invalid(f"credentials {chosen.secret_name!r} open nothing: their annotation {SCOPES} {error}") from None


def _shown(cred_type: str, repo_url: str) -> str:
    """The URL without the password that a person may have written into it."""
    return USERINFO.sub("***@", NORMALIZE[cred_type](repo_url))


def _matches(pattern: str, urls: tuple[str, ...]) -> bool:
    try:
        return any(re2.search(pattern, url) for url in urls)
    except re2.error:
        return False
