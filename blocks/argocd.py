"""Argo CD Applications, over the Kubernetes API that holds them.

Nothing here judges an Application; it is read and patched as a plain JSON object.
"""

import asyncio
import json
from contextlib import aclosing
from typing import Any, Self

from kubernetes import client, config

from blocks.applications.asking import Asking, Expired
from blocks.applications.feed import Feed
from blocks.applications.kubernetes_access import headers, options
from blocks.applications.kubernetes_watch import PAGE, KubernetesSource, path
from blocks.errors import Invalid, NotFound, Terminal, Unauthorized
from blocks.records import Application

REFRESH = "argocd.argoproj.io/refresh"
MERGE_PATCH = {"content-type": "application/merge-patch+json"}
MOST = 5_000
"""Applications one selector may match unless the caller says otherwise."""

ADVICE = {
    403: (Unauthorized, "let the connection's account get, list, watch and patch applications.argoproj.io"),
}


class ArgoCD:
    """Read, change and watch Applications of one cluster; `namespace` is where they are unless told otherwise.

    Every call raises the leaf of `blocks.errors` that fits, after up to three tries of what may pass. With
    `all_namespaces` one watch serves all namespaces, which needs an account that may do so.
    """

    def __init__(
        self, settings: client.Configuration, namespace: str = "argocd", *, all_namespaces: bool = False
    ) -> None:
        """Work as a configuration says that nobody else changes. Raises Invalid for unusable certificates."""
        self.namespace = namespace
        self._all = all_namespaces
        may_block = settings.refresh_api_key_hook is not None
        opens = bool(settings.api_key)
        self._asking = Asking(
            settings.host, lambda: headers(settings), ADVICE, opens=opens, blocks=may_block, **options(settings)
        )
        self._source = KubernetesSource(self._asking)
        self._feeds: dict[str, Feed] = {}

    @property
    def asking(self) -> Asking:
        """How this connection asks its server, for whoever wants other objects of it."""
        return self._asking

    @classmethod
    def from_token(
        cls,
        server: str,
        token: str,
        *,
        ca_certificate: str = "",
        insecure: bool = False,
        namespace: str = "argocd",
        all_namespaces: bool = False,
    ) -> Self:
        """Connect to a Kubernetes API server with a bearer token; `ca_certificate` is PEM text."""
        settings = client.Configuration(host=server, ca_cert_data=ca_certificate or None, retries=0)
        settings.verify_ssl = not insecure
        settings.api_key = {"authorization": f"Bearer {token}"} if token else {}
        return cls(settings, namespace, all_namespaces=all_namespaces)

    @classmethod
    def from_kubeconfig(
        cls, kubeconfig: dict[str, Any], namespace: str = "argocd", *, all_namespaces: bool = False
    ) -> Self:
        """Connect as the current context of a kubeconfig says. Raises Invalid without repeating its contents."""
        settings = client.Configuration(retries=0)
        try:
            config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                kubeconfig, client_configuration=settings, persist_config=False
            )
        except (config.ConfigException, TypeError, KeyError, AttributeError) as error:
            kind = type(error).__name__
            raise Invalid(f"the kubeconfig of the Argo CD connection cannot be used ({kind}): check it") from None
        return cls(settings, namespace, all_namespaces=all_namespaces)

    @classmethod
    def in_cluster(cls, namespace: str = "argocd", *, all_namespaces: bool = False) -> Self:
        """Connect with the service account of the pod this runs in. Raises Invalid outside a cluster."""
        settings = client.Configuration(retries=0)
        try:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise Invalid(f"no Argo CD connection is configured and this is no pod of a cluster: {error}") from None
        return cls(settings, namespace, all_namespaces=all_namespaces)

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none of that name."""
        try:
            return await self._asking.ask(f"get Application {namespace}/{name}", "GET", f"{path(namespace)}/{name}")
        except NotFound:
            async with aclosing(self._source.pages(namespace, size=1)) as pages:
                async for _ in pages:  # a missing API is an error, a missing Application is none
                    break
            return None

    async def list(self, namespace: str, label_selector: str = "", most: int = MOST) -> list[Application]:
        """Return the Applications a Kubernetes label selector matches. Raises Terminal when it matches too many."""
        try:
            return await _listed(self._source, namespace, label_selector, most)
        except Expired:  # much changed while the pages were read
            return await _listed(self._source, namespace, label_selector, most)

    async def patch(self, namespace: str, name: str, body: dict[str, Any]) -> Application:
        """Apply a JSON merge patch. Raises Conflict when it names a resourceVersion that is no longer current."""
        what, where = f"patch Application {namespace}/{name}", f"{path(namespace)}/{name}"
        return await self._asking.ask(what, "PATCH", where, headers=MERGE_PATCH, content=json.dumps(body))

    async def sync(self, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Start an operation by the merge patch that asks for it. Raises Conflict as `patch` does."""
        await self.patch(namespace, name, patch)

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> None:
        """Ask Argo CD to look at an Application again; `hard` also drops its cached manifests."""
        annotations = {REFRESH: "hard" if hard else "normal"}
        await self.patch(namespace, name, {"metadata": {"annotations": annotations}})

    def feed(self, namespace: str) -> Feed:
        """What is known of a namespace's Applications, one watch for all who ask."""
        scope = "" if self._all else namespace
        if scope not in self._feeds:
            self._feeds[scope] = Feed(self._source, scope)
        return self._feeds[scope]

    async def close(self) -> None:
        """Stop watching and give back the connections."""
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()))
        await self._asking.close()


async def _listed(source: KubernetesSource, namespace: str, label_selector: str, most: int) -> list[Application]:
    found: list[Application] = []
    async with aclosing(source.pages(namespace, label_selector)) as pages:
        async for page, _ in pages:
            found += page
            if len(found) > most:
                raise Terminal(
                    f"labels {label_selector!r} match more than {most} Applications in namespace {namespace!r}: "
                    "narrow them"
                )
    return found


__all__ = ["PAGE", "ArgoCD"]
