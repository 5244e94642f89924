"""Waiting for Applications: a watch that all share wakes whoever waits; without one they are looked at often."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from blocks.applications.feed import Feed
from blocks.errors import RateLimited, Retryable, Unavailable, Unreachable
from flows.promotion.argocd.gather import Cluster
from flows.promotion.argocd.selection import AppReference
from flows.promotion.result import Outputs, StepContext, Waiting

WATCHED = 30.0
"""Seconds until the next look where a watch tells of changes: it makes sure, should the watch have missed one."""

OFTEN = 5.0
"""Seconds until the next look without one, at most."""


OUTAGES = (Unreachable, Unavailable, RateLimited)
"""Errors of a server that cannot say anything now: whoever waits goes on waiting, as long as the step may."""


class Watching:
    """What happens to the Applications of some references from now on. Make it before they are read."""

    def __init__(self, argocd: Cluster, references: Sequence[AppReference]) -> None:
        """Remember the moment."""
        wanted: defaultdict[Feed, list[tuple[AppReference, str]]] = defaultdict(list)
        for reference in references:
            namespace = reference.namespace or argocd.namespace
            wanted[argocd.feed(namespace)].append((reference, namespace))
        self._wanted = [(feed, feed.mark(), _Wanted(each)) for feed, each in wanted.items()]

    @property
    def is_current(self) -> bool:
        """Whether changes will be told."""
        return all(feed.is_current for feed, _, _ in self._wanted)

    async def rest(self, seconds: float) -> None:
        """Return when something has happened since, or after so many seconds."""
        changes = [asyncio.ensure_future(feed.changed(mark, wanted)) for feed, mark, wanted in self._wanted]
        try:
            await asyncio.wait(changes, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for change in changes:
                change.cancel()

    def waiting(self, ctx: StepContext, sentences: Sequence[str], outputs: Outputs, *, slowly: bool = False) -> Waiting:
        """Say what is waited for. Without a watch the looks are counted in the output `looks`, and get rarer.

        `slowly` waits for a time and not to be woken: what is repeated in vain would be at once, again and again.
        """
        looks = int(ctx.previous.get("looks", 0)) + 1
        if slowly:
            return Waiting("; ".join(sentences), OFTEN, outputs | {"looks": looks})
        seconds = WATCHED if self.is_current else min(OFTEN, float(looks))
        return Waiting("; ".join(sentences), seconds, outputs | {"looks": looks}, rest=self.rest)

    def later(self, ctx: StepContext, outage: Retryable) -> Waiting:
        """Say that nothing can be seen now, keeping what the last attempt put out."""
        return Waiting(str(outage), max(OFTEN, outage.retry_after or 0.0), dict(ctx.previous))


class _Wanted:
    """Whether an Application is one of those that are waited for."""

    def __init__(self, references: Sequence[tuple[AppReference, str]]) -> None:
        self._names = {f"{namespace}/{each.name}" for each, namespace in references if each.name}
        self._selectors = [(f"{namespace}/", each.selector) for each, namespace in references if each.selector]

    def __call__(self, key: str, labels: Mapping[str, str]) -> bool:
        return key in self._names or any(
            key.startswith(namespace) and selector.matches(dict(labels)) for namespace, selector in self._selectors
        )
