"""Reads the Applications a step is about from the cluster."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from blocks.applications.feed import Feed
from blocks.errors import DrayageError, Invalid
from blocks.records import Application
from flows.promotion.argocd.selection import AppReference, key
from flows.promotion.result import StepContext


class Cluster(Protocol):
    """What steps need of `blocks.argocd.ArgoCD` and `blocks.argocd_api.ArgoCDApi`."""

    namespace: str

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none."""

    async def list(self, namespace: str, label_selector: str) -> list[Application]:
        """Return all Applications with these labels."""

    async def patch(self, namespace: str, name: str, body: dict[str, Any]) -> Application:
        """Apply a JSON merge patch."""

    async def sync(self, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Start the operation a merge patch asks for."""

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> None:
        """Ask Argo CD to look again."""

    def feed(self, namespace: str) -> Feed:
        """What is known of a namespace's Applications, by one watch for all who ask."""


async def cluster(ctx: StepContext, name: str | None = None) -> Cluster:
    """Return a cluster of this promotion, its default without a name. Raises Invalid when none is configured."""
    if ctx.argocd is None:
        raise Invalid("no Argo CD connection is configured: create a block of type 'Drayage Argo CD' in Prefect")
    opened: Cluster = await (ctx.argocd(name) if name else ctx.argocd())
    return opened


async def gather(argocd: Cluster, references: Sequence[AppReference]) -> list[Application]:
    """Read the Applications of all references at once, each Application listed once, in the references' order."""
    lists = await asyncio.gather(*(_read(argocd, reference) for reference in references))
    found = {key(application): application for applications in lists for application in applications}
    return list(found.values())


async def refresh(argocd: Cluster, applications: Sequence[Application]) -> list[str]:
    """Ask Argo CD to look at Applications again. Returns why it could not be asked, which ends no wait by itself."""
    asked = await asyncio.gather(*(_refresh(argocd, application) for application in applications))
    return [problem for problem in asked if problem]


async def _refresh(argocd: Cluster, application: Application) -> str:
    metadata = application["metadata"]
    try:
        await argocd.refresh(metadata["namespace"], metadata["name"])
    except DrayageError as error:
        return str(error)
    return ""


async def _read(argocd: Cluster, reference: AppReference) -> list[Application]:
    namespace = reference.namespace or argocd.namespace
    if reference.selector:
        return await argocd.list(namespace, reference.selector.query())
    application = await argocd.get(namespace, reference.name or "")
    return [application] if application else []


def named(applications: Sequence[Application]) -> list[dict[str, str]]:
    """The `apps` output: name and namespace of each."""
    return [{"name": each["metadata"]["name"], "namespace": each["metadata"]["namespace"]} for each in applications]
