"""What opens repositories, and other secrets of a project: encrypted Prefect blocks, found by what they are for."""

import hashlib
import logging
import re
from typing import Any, Literal

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.types import SecretDict
from pydantic import Field, Secret, SecretStr, ValidationError

from blocks.block_documents import read_documents

log = logging.getLogger("drayage")

SHARED = "kargo-shared-resources"
"""The namespace whose credentials every project may use (Kargo: shared resources)."""

SYSTEM = "kargo-system-resources"
"""The namespace whose Secrets only the installation itself uses, and no project (Kargo: system resources)."""

FIELDS = {
    "username": "username",
    "password": "password",
    "sshPrivateKey": "ssh_private_key",
    "knownHosts": "known_hosts",
    "githubAppClientID": "github_app_client_id",
    "githubAppID": "github_app_id",
    "githubAppInstallationID": "github_app_installation_id",
    "githubAppPrivateKey": "github_app_private_key",
    "awsRegion": "aws_region",
    "awsAccessKeyID": "aws_access_key_id",
    "awsSecretAccessKey": "aws_secret_access_key",
    "gcpServiceAccountKey": "gcp_service_account_key",
}
"""Fields of `RepositoryCredentials` by the keys that Kargo's Secrets have for the same."""

NOTHING = SecretStr("")


class RepositoryCredentials(Block):
    """Open repositories of one host or path with one kind of credentials.

    A password or token, an SSH key, a GitHub App, AWS access keys or a Google service account's key: fill in the
    fields of one kind and leave the others empty.

    Example:
        RepositoryCredentials.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Repository Credentials"
    _block_type_slug = "drayage-repository-credentials"
    _description = "What opens Git, image or chart repositories of a project: fill in the fields of one kind."

    project: str = Field(title="Project", description="Project that may use it; kargo-shared-resources is for all.")
    secret_name: str = Field(title="Name", description="Name of the Secret it came from; logs call it so.")
    cred_type: Literal["git", "helm", "image"] = Field(title="Type", description="Kind of repository.")
    repo_url: str = Field(
        title="Repository URL", description="Repository it opens, or a pattern when the next field is set."
    )
    repo_url_is_regex: bool = Field(
        default=False, title="URL is a pattern", description="Whether the URL is a regular expression."
    )
    username: str = Field(default="", title="User name", description="User name.")
    password: SecretStr = Field(default=NOTHING, title="Password or token", description="Password or token.")
    ssh_private_key: SecretStr = Field(
        default=NOTHING, title="SSH key", description="Private key without passphrase, or base64 of it."
    )
    known_hosts: str = Field(
        default="", title="SSH known hosts", description="Keys of the SSH host, as `ssh-keyscan` prints them."
    )
    github_app_client_id: str = Field(
        default="", title="GitHub App client ID", description="Client ID of a GitHub App."
    )
    github_app_id: str = Field(default="", title="GitHub App ID", description="Number of a GitHub App, its older name.")
    github_app_installation_id: str = Field(
        default="", title="GitHub App installation ID", description="Number at the end of the installation's URL."
    )
    github_app_private_key: SecretStr = Field(
        default=NOTHING, title="GitHub App private key", description="Private key in PEM, or base64 of it."
    )
    github_token_scopes: str = Field(
        default="",
        title="GitHub App repositories by project",
        description="JSON of project to the names of repositories it may open with the GitHub App; empty for all.",
    )
    aws_region: str = Field(default="", title="AWS region", description="Region of the registry, like eu-west-1.")
    aws_access_key_id: str = Field(default="", title="AWS access key ID", description="Access key ID for ECR.")
    aws_secret_access_key: SecretStr = Field(
        default=NOTHING, title="AWS secret access key", description="Secret access key for ECR."
    )
    gcp_service_account_key: SecretStr = Field(
        default=NOTHING,
        title="Google service account key",
        description="Base64 of a service account's JSON key for Artifact Registry.",
    )

    def values(self) -> dict[str, str]:
        """Return what it holds, by the keys of Kargo's Secrets. Never log it."""
        return {key: text for key, name in FIELDS.items() if (text := plain(getattr(self, name)))}


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


def plain(value: Any) -> Any:
    """Return a field's value, that of a secret one too."""
    return value.get_secret_value() if isinstance(value, Secret | SecretStr) else value


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
    """Read all blocks of both types."""
    kinds = {kind._block_type_slug: kind for kind in KINDS}
    documents = await read_documents(client, kinds)
    found = [_block(kinds[each["block_type"]["slug"]], each) for each in documents]
    return [block for block in found if block]


def _block(kind: type[SecretBlock], document: dict[str, Any]) -> SecretBlock | None:
    """Make a block of its document; None for one that somebody saved unfit, which must not hide all others."""
    try:
        return kind.model_validate(document["data"])
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
        log.warning("block %s/%s is not used: correct its %s", document["block_type"]["slug"], document["name"], places)
        return None
