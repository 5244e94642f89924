"""Argo CD Applications, over Argo CD's own REST API with a token: for those outside the cluster.

What the Kubernetes API takes in one patch is here a patch of the spec and a call that starts the sync. Argo CD names
the token's account as who started it, and does not take a resourceVersion; a sync that meets another is refused.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import quote

from blocks.applications.asking import Asking, Json
from blocks.applications.feed import Feed, Seen
from blocks.errors import BadAnswer, Conflict, Invalid, NotFound, Terminal, Unauthorized, Unreachable
from blocks.records import Application

APPLICATIONS = "/api/v1/applications"
STREAM = "/api/v1/stream/applications"
MOST = 5_000
JSON = {"content-type": "application/json"}
REFRESH_SECONDS = 5.0
"""How long a refresh is waited for: Argo CD answers when it is done, and goes on without us."""

PASSING = ("another operation is already in progress", "blocked by sync window")
"""Refusals of a sync that pass by themselves. Over the Kubernetes API such a sync would wait in the Application."""
ADVICE = {
    403: (
        Unauthorized,
        "let the token's account get, sync and update applications; Argo CD says this of missing Applications too",
    ),
}


class ArgoCDApi:
    """Read, change and watch the Applications of one Argo CD; `namespace` is where they are unless told otherwise.

    Every call raises the leaf of `blocks.errors` that fits, after up to three tries of what may pass. One stream
    serves all namespaces.
    """

    def __init__(self, server: str, token: str, *, namespace: str = "argocd", **options: Any) -> None:
        """Connect to `https://argocd.example.com[/root]`; `options` are those of `httpx.AsyncClient`."""
        self.namespace = namespace
        self._asking = Asking(server, lambda: {"authorization": f"Bearer {token}"}, ADVICE, **options)
        self._feed = Feed(StreamSource(self._asking), "")

    @property
    def asking(self) -> Asking:
        """How this connection asks its server."""
        return self._asking

    async def _listed(self, what: str, params: dict[str, str]) -> list[Application]:
        try:
            return (await self._asking.ask(what, "GET", APPLICATIONS, params=params)).get("items") or []
        except NotFound:
            return []

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none of that name, or none that the token may see."""
        params, what = {"appNamespace": namespace}, f"get Application {namespace}/{name}"
        try:
            return await self._asking.ask(what, "GET", _path(name), params=params)
        except NotFound:
            return None
        except Unauthorized:
            # Argo CD says so of what is not there, lest names be guessed; the list tells, if the token is any good.
            found = await self._listed(what, params | {"name": name})
            return next((each for each in found if each["metadata"]["name"] == name), None)

    async def list(self, namespace: str, label_selector: str = "", most: int = MOST) -> list[Application]:
        """Return the Applications a label selector matches. Raises Terminal when it matches too many."""
        params = {"appNamespace": namespace} | ({"selector": label_selector} if label_selector else {})
        every = await self._listed(f"list Applications of namespace {namespace!r}", params)
        found = [each for each in every if each["metadata"].get("namespace") == namespace]
        if len(found) > most:
            raise Terminal(
                f"labels {label_selector!r} match more than {most} Applications in namespace {namespace!r}: narrow them"
            )
        return found

    async def patch(self, namespace: str, name: str, body: Json) -> Application:
        """Apply a JSON merge patch to spec, labels and annotations; Argo CD leaves all else alone."""
        asked = {"name": name, "appNamespace": namespace, "patch": json.dumps(body), "patchType": "merge"}
        what = f"patch Application {namespace}/{name}"
        return await self._asking.ask(what, "PATCH", _path(name), headers=JSON, content=json.dumps(asked))

    async def sync(self, namespace: str, name: str, patch: Json) -> None:
        """Start the operation that a merge patch for the Kubernetes API asks for.

        Raises Conflict when the Application has changed since, or runs another operation by now.
        """
        await self._check_version(namespace, name, patch)
        if "spec" in patch:
            annotations = (patch.get("metadata") or {}).get("annotations") or {}
            await self.patch(namespace, name, {"metadata": {"annotations": annotations}, "spec": patch["spec"]})
        else:
            await self.refresh(namespace, name)
        what = f"sync Application {namespace}/{name}"
        asked = {"name": name, "appNamespace": namespace} | _sync(patch["operation"])
        try:
            await self._asking.ask(what, "POST", f"{_path(name)}/sync", headers=JSON, content=json.dumps(asked))
        except (Invalid, Unauthorized) as error:
            if passing := next((each for each in PASSING if each in str(error)), None):
                raise Conflict(f"Application {namespace}/{name} cannot be synced yet: {passing}") from None
            raise

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> None:
        """Ask Argo CD to look at an Application again; `hard` also drops its cached manifests."""
        params = {"appNamespace": namespace, "refresh": "hard" if hard else "normal"}
        with suppress(TimeoutError, Unreachable):
            async with asyncio.timeout(REFRESH_SECONDS):
                await self._asking.ask(f"refresh Application {namespace}/{name}", "GET", _path(name), params=params)

    def feed(self, namespace: str) -> Feed:
        """What is known of all Applications, one stream for all who ask."""
        return self._feed

    async def close(self) -> None:
        """Stop watching and give back the connections."""
        await self._feed.close()
        await self._asking.close()

    async def _check_version(self, namespace: str, name: str, patch: Json) -> None:
        """As near as this API lets us to a patch that is tied to what was judged."""
        judged = (patch.get("metadata") or {}).get("resourceVersion")
        now = await self.get(namespace, name) if judged else None
        if now and now["metadata"].get("resourceVersion") != judged:
            raise Conflict(f"tried to sync Application {namespace}/{name}: somebody else changed it first")


class StreamSource:
    """Lists at once; a stream begins with all there is, as it cannot go on where another was broken."""

    resumes = False

    def __init__(self, asking: Asking) -> None:
        """Ask an Argo CD API server."""
        self._asking = asking

    async def pages(self, scope: str) -> AsyncGenerator[tuple[list[Application], str], None]:
        """Yield all Applications that the token may see."""
        answer = await self._asking.ask("list Applications", "GET", APPLICATIONS)
        yield answer.get("items") or [], str((answer.get("metadata") or {}).get("resourceVersion") or "")

    async def watch(self, scope: str, version: str) -> AsyncGenerator[Seen, None]:
        """Yield all Applications as ADDED, then what happens."""
        async with aclosing(self._asking.lines("stream Applications", STREAM, {})) as lines:
            async for line in lines:
                yield Seen("OPENED") if line is None else self._seen(line)

    def _seen(self, line: Json) -> Seen:
        if error := line.get("error"):
            status = int(error.get("http_code") or error.get("httpCode") or 500)
            raise self._asking.refusal("stream Applications", status, str(error.get("message") or ""))
        result = line.get("result") or {}
        application = result.get("application")
        if not isinstance(application, dict) or "metadata" not in application:
            raise BadAnswer("tried to stream Applications: a line without an Application came")
        return Seen(str(result.get("type") or ""), application)


def _path(name: str) -> str:
    return f"{APPLICATIONS}/{quote(name, safe='')}"


def _sync(operation: Json) -> Json:
    """The request for an operation, as Argo CD's own API takes it; it has no place but an info for who wants it."""
    who = (operation.get("initiatedBy") or {}).get("username")
    asked: Json = {"infos": [*(operation.get("info") or []), *([{"name": "Actor", "value": who}] if who else [])]}
    if options := (operation.get("sync") or {}).get("syncOptions"):
        asked["syncOptions"] = {"items": options}
    if retry := operation.get("retry"):
        asked["retryStrategy"] = retry
    return asked
