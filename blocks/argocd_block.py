"""The Argo CD connections as people configure them in Prefect."""

import hashlib
import json
import ssl
from typing import Protocol

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, SecretStr

from blocks.applications.asking import Asking
from blocks.applications.feed import Feed
from blocks.argocd import ArgoCD
from blocks.argocd_api import ArgoCDApi
from blocks.errors import Invalid, Refused
from blocks.records import Application


class Connection(Protocol):
    """What both ways to Argo CD offer: `blocks.argocd.ArgoCD` and `blocks.argocd_api.ArgoCDApi`."""

    namespace: str

    @property
    def asking(self) -> Asking:
        """How it asks its server."""

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none."""

    async def list(self, namespace: str, label_selector: str = "") -> list[Application]:
        """Return all Applications with these labels."""

    async def patch(self, namespace: str, name: str, body: Application) -> Application:
        """Apply a JSON merge patch."""

    async def sync(self, namespace: str, name: str, patch: Application) -> None:
        """Start the operation a merge patch asks for."""

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> None:
        """Ask Argo CD to look again."""

    def feed(self, namespace: str) -> Feed:
        """What is known of Applications, by one watch."""

    async def close(self) -> None:
        """Stop watching and give back the connections."""


class ArgoCDConnection(Block):
    """Reach the Kubernetes API server that holds Argo CD's Applications.

    Give a kubeconfig, or a server with a token; with neither, the pod's own service account is used.

    Example:
        ArgoCDConnection.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Argo CD"
    _block_type_slug = "drayage-argocd"
    _description = "The cluster whose Argo CD Applications promotions change and watch."

    server: str = Field(default="", description="URL of the Kubernetes API server.")
    token: SecretStr | None = Field(default=None, description="Bearer token of a service account.")
    ca_certificate: str = Field(default="", description="Certificate authority of the server, as PEM text.")
    insecure_skip_tls_verify: bool = Field(default=False, description="Skip the check of the server's certificate.")
    kubeconfig: SecretDict | None = Field(default=None, description="A whole kubeconfig, instead of the fields above.")
    namespace: str = Field(default="argocd", description="Namespace of Applications when a step names none.")
    all_namespaces: bool = Field(
        default=False, description="One watch over all namespaces; the account must be allowed that cluster-wide."
    )

    def connect(self) -> ArgoCD:
        """Open the connection. Nothing is sent yet, but a kubeconfig may start a login helper: use a thread."""
        if self.kubeconfig is not None:
            return ArgoCD.from_kubeconfig(
                self.kubeconfig.get_secret_value(), self.namespace, all_namespaces=self.all_namespaces
            )
        if not self.server:
            return ArgoCD.in_cluster(self.namespace, all_namespaces=self.all_namespaces)
        return ArgoCD.from_token(
            self.server,
            self.token.get_secret_value().strip() if self.token else "",
            ca_certificate=self.ca_certificate,
            insecure=self.insecure_skip_tls_verify,
            namespace=self.namespace,
            all_namespaces=self.all_namespaces,
        )


class ArgoCDApiConnection(Block):
    """Reach Argo CD's own API server with a token, for workers that cannot reach the cluster.

    Example:
        ArgoCDApiConnection.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Argo CD API"
    _block_type_slug = "drayage-argocd-api"
    _description = "The Argo CD whose Applications promotions change and watch, through its own API."

    server: str = Field(description="URL of Argo CD, such as https://argocd.example.com, with its root path if any.")
    token: SecretStr = Field(description="Token of an Argo CD account or project role that may use its API.")
    ca_certificate: str = Field(default="", description="Certificate authority of the server, as PEM text.")
    insecure_skip_tls_verify: bool = Field(default=False, description="Skip the check of the server's certificate.")
    namespace: str = Field(default="argocd", description="Namespace of Applications when a step names none.")

    def connect(self) -> ArgoCDApi:
        """Open the connection; nothing is sent yet. Raises Invalid for a certificate that cannot be read."""
        try:
            context = ssl.create_default_context(cadata=self.ca_certificate or None)
        except (ssl.SSLError, ValueError):
            raise Invalid("the 'ca_certificate' of the Argo CD API connection is no PEM text: check it") from None
        if self.insecure_skip_tls_verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return ArgoCDApi(self.server, self.token.get_secret_value().strip(), namespace=self.namespace, verify=context)


def identity(block: ArgoCDConnection | ArgoCDApiConnection) -> str:
    """Tell blocks apart by all they say, secrets included, which cannot be read back from it."""
    said = {name: _plain(getattr(block, name)) for name in type(block).model_fields}
    text = json.dumps([type(block).__name__, said], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_in_clear(asking: Asking) -> None:
    """Raise Refused for a connection that would send its token over plain http."""
    if asking.sends_in_clear:
        raise Refused(
            f"the connection to {asking.server} would send its token over plain http: use https, "
            "or set DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP=true where that is fine"
        )


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr | SecretDict) else value
