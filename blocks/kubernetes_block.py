"""The clusters that run Jobs of verifications, as people configure them in Prefect."""

from pydantic import Field

from blocks.argocd_block import ArgoCDConnection
from blocks.kubernetes_jobs import Jobs


class KubernetesConnection(ArgoCDConnection):
    """Reach the Kubernetes API server that runs the Jobs of `job` metrics.

    Give a kubeconfig, or a server with a token; with neither, the pod's own service account is used.

    Example:
        KubernetesConnection.load("BLOCK_NAME")
    """

    _block_type_name = "Drayage Kubernetes"
    _block_type_slug = "drayage-kubernetes"
    _description = "The cluster and the namespace in which verifications run Jobs."

    namespace: str = Field(default="default", description="Namespace of the Jobs.")

    def jobs(self) -> Jobs:
        """Open the connection. Nothing is sent yet, but a kubeconfig may start a login helper: use a thread."""
        return Jobs(self.connect().asking, self.namespace)
