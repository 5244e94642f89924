"""The Argo CD connection as people configure it in Prefect."""

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, SecretStr

from blocks.argocd import ArgoCD


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

    def connect(self) -> ArgoCD:
        """Open the connection. Nothing is sent yet, but a kubeconfig may start a login helper: use a thread."""
        if self.kubeconfig is not None:
            return ArgoCD.from_kubeconfig(self.kubeconfig.get_secret_value(), self.namespace)
        if not self.server:
            return ArgoCD.in_cluster(self.namespace)
        return ArgoCD.from_token(
            self.server,
            self.token.get_secret_value() if self.token else "",
            ca_certificate=self.ca_certificate,
            insecure=self.insecure_skip_tls_verify,
            namespace=self.namespace,
        )
