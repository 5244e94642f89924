"""Reads the Applications a step is about from the cluster."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from blocks.errors import Invalid
from blocks.records import Application
from flows.promotion.argocd.selection import AppReference, key
from flows.promotion.result import StepContext


class Cluster(Protocol):
    """What steps need of `blocks.argocd.ArgoCD`."""

    namespace: str

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none."""

    async def list(self, namespace: str, label_selector: str) -> list[Application]:
        """Return all Applications with these labels."""

    async def patch(self, namespace: str, name: str, body: dict[str, Any]) -> Application:
        """Apply a JSON merge patch."""

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> Application:
        """Ask Argo CD to look again."""


async def cluster(ctx: StepContext) -> Cluster:
    """Return the cluster of this promotion. Raises Invalid when none is configured."""
    if ctx.argocd is None:
        raise Invalid("no Argo CD connection is configured: create a block of type 'Drayage Argo CD' in Prefect")
    opened: Cluster = await ctx.argocd()
    return opened


async def gather(argocd: Cluster, references: Sequence[AppReference]) -> list[Application]:
    """Read the Applications of all references at once, each Application listed once, in the references' order."""
    lists = await asyncio.gather(*(_read(argocd, reference) for reference in references))
    found = {key(application): application for applications in lists for application in applications}
    return list(found.values())


async def refresh(argocd: Cluster, applications: Sequence[Application]) -> None:
    """Ask Argo CD to look at Applications again."""
    for application in applications:
        metadata = application["metadata"]
        await argocd.refresh(metadata["namespace"], metadata["name"])


async def _read(argocd: Cluster, reference: AppReference) -> list[Application]:
    namespace = reference.namespace or argocd.namespace
    if reference.selector:
        return await argocd.list(namespace, reference.selector.query())
    application = await argocd.get(namespace, reference.name or "")
    return [application] if application else []


def named(applications: Sequence[Application]) -> list[dict[str, str]]:
    """The `apps` output: name and namespace of each."""
    return [{"name": each["metadata"]["name"], "namespace": each["metadata"]["namespace"]} for each in applications]


def next_look(ctx: StepContext) -> tuple[float, int]:
    """Seconds until the next look, growing from 1 to 5, and the number of this one, kept in the output `looks`."""
    looks = int(ctx.previous.get("looks", 0)) + 1
    return min(5.0, float(looks)), looks
