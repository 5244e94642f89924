"""What opens repositories, and other secrets of a project: encrypted Prefect blocks, found by what they are for."""

import hashlib
import re
from typing import Literal

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.types import SecretDict
from pydantic import Field, SecretStr

SHARED = "kargo-shared-resources"
"""The namespace whose credentials every project may use (Kargo: shared resources)."""

PAGE = 200
MOST = 5_000


class RepositoryCredentials(Block):
    """Open repositories of one host or path with a user name and a password or token.

    Example:
        RepositoryCredentials.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Repository Credentials"
    _block_type_slug = "drayage-repository-credentials"
    _description = "User name and password, or token, for Git, image or chart repositories of a project."

    project: str = Field(description="Project that may use it; kargo-shared-resources is for all.")
    secret_name: str = Field(description="Name of the Secret it came from.")
    cred_type: Literal["git", "helm", "image"] = Field(description="Kind of repository.")
    repo_url: str = Field(description="Repository it opens, or a pattern when the next field is set.")
    repo_url_is_regex: bool = Field(default=False, description="Whether the URL is a regular expression.")
    username: str = Field(default="", description="User name.")
    password: SecretStr = Field(default=SecretStr(""), description="Password or token.")


class GenericSecret(Block):
    """Hold any other secret values of a project, read in expressions by `secret(name)`.

    Example:
        GenericSecret.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Generic Secret"
    _block_type_slug = "drayage-generic-secret"
    _description = "Secret values that expressions of a project may read."

    project: str = Field(description="Project that may use it; kargo-shared-resources is for all.")
    secret_name: str = Field(description="Name of the Secret it came from.")
    data: SecretDict = Field(description="The values by key.")


SecretBlock = RepositoryCredentials | GenericSecret
KINDS: tuple[type[SecretBlock], ...] = (RepositoryCredentials, GenericSecret)


def block_name(project: str, secret: str) -> str:
    """Name a project's secret as Prefect allows: letters, digits and dashes, one name for one secret."""
    plain = f"{project}--{secret}"
    safe = re.sub(r"[^a-z0-9-]", "-", plain)
    return safe if safe == plain else f"{safe}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


async def read_secrets(client: PrefectClient, project: str | None = None) -> list[SecretBlock]:
    """Read the secrets a project may use, its own and the shared ones; all of them for None.

    Sorted by project first (own before shared), then by name. At most 5,000.
    """
    found = await _read(client)
    wanted = [block for block in found if project is None or block.project in (project, SHARED)]
    return sorted(wanted, key=lambda block: (block.project == SHARED, block.secret_name))


async def _read(client: PrefectClient) -> list[SecretBlock]:
    """Read all blocks of both types, in as many pages as they have."""
    kinds = {kind._block_type_slug: kind for kind in KINDS}
    found: list[SecretBlock] = []
    while len(found) < MOST:
        wanted = {"block_types": {"slug": {"any_": list(kinds)}}, "block_documents": {"is_anonymous": {"eq_": False}}}
        page = {"include_secrets": True, "limit": PAGE, "offset": len(found)}
        documents = (await client.request("POST", "/block_documents/filter", json=wanted | page)).json()
        found += [kinds[each["block_type"]["slug"]].model_validate(each["data"]) for each in documents]
        if len(documents) < PAGE:
            break
    return found
