"""Argo CD Applications, over the Kubernetes API that holds them.

Nothing here judges an Application; it is read and patched as a plain JSON object.
"""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import stamina
import urllib3
from kubernetes import client, config

from blocks.errors import (
    BadAnswer,
    Conflict,
    DrayageError,
    Invalid,
    NotFound,
    RateLimited,
    Retryable,
    Terminal,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from blocks.http_client import RETRY_AFTER_LIMIT
from blocks.pacing.rate_headers import retry_after
from blocks.records import Application

API = {"group": "argoproj.io", "version": "v1alpha1", "plural": "applications"}
REFRESH = "argocd.argoproj.io/refresh"
TIMEOUT = 15.0
"""Seconds one request may take."""
ATTEMPTS = 3
PAGE = 100
MOST = 5_000
"""Applications one selector may match unless the caller says otherwise."""


class ArgoCD:
    """Read and change Applications of one cluster; `namespace` is where they are unless told otherwise.

    Every call raises the leaf of `blocks.errors` that fits, after up to three tries of what may pass.
    """

    def __init__(self, api_client: client.ApiClient, namespace: str = "argocd") -> None:
        """Work over a client that nobody else configures."""
        self.namespace = namespace
        self._client = api_client
        self._api = client.CustomObjectsApi(api_client)

    @classmethod
    def from_token(
        cls, server: str, token: str, *, ca_certificate: str = "", insecure: bool = False, namespace: str = "argocd"
    ) -> Self:
        """Connect to a Kubernetes API server with a bearer token; `ca_certificate` is PEM text."""
        settings = client.Configuration(host=server, ca_cert_data=ca_certificate or None, retries=0)
        settings.verify_ssl = not insecure
        settings.api_key = {"authorization": f"Bearer {token}"} if token else {}
        return cls(client.ApiClient(settings), namespace)

    @classmethod
    def from_kubeconfig(cls, kubeconfig: dict[str, Any], namespace: str = "argocd") -> Self:
        """Connect as the current context of a kubeconfig says. Raises Invalid without repeating its contents."""
        settings = client.Configuration(retries=0)
        try:
            config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                kubeconfig, client_configuration=settings, persist_config=False
            )
        except (config.ConfigException, TypeError, KeyError, AttributeError) as error:
            kind = type(error).__name__
            raise Invalid(f"the kubeconfig of the Argo CD connection cannot be used ({kind}): check it") from None
        return cls(client.ApiClient(settings), namespace)

    @classmethod
    def in_cluster(cls, namespace: str = "argocd") -> Self:
        """Connect with the service account of the pod this runs in. Raises Invalid outside a cluster."""
        settings = client.Configuration(retries=0)
        try:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise Invalid(f"no Argo CD connection is configured and this is no pod of a cluster: {error}") from None
        return cls(client.ApiClient(settings), namespace)

    async def get(self, namespace: str, name: str) -> Application | None:
        """Return one Application, None when there is none of that name."""
        what = f"get Application {namespace}/{name}"
        try:
            return await self._call(what, self._api.get_namespaced_custom_object, namespace=namespace, name=name, **API)
        except NotFound:
            await self._page(namespace, "", "", limit=1)  # a missing API is an error, a missing Application is none
            return None

    async def list(self, namespace: str, label_selector: str = "", most: int = MOST) -> list[Application]:
        """Return the Applications a Kubernetes label selector matches. Raises Terminal when it matches too many."""
        found: list[Application] = []
        token = ""
        while len(found) <= most:
            page = await self._page(namespace, label_selector, token, PAGE)
            found += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token and len(found) <= most:
                return found
        raise Terminal(
            f"labels {label_selector!r} match more than {most} Applications in namespace {namespace!r}: narrow them"
        )

    async def patch(self, namespace: str, name: str, body: dict[str, Any]) -> Application:
        """Apply a JSON merge patch. Raises Conflict when it names a resourceVersion that is no longer current."""
        return await self._call(
            f"patch Application {namespace}/{name}",
            self._api.patch_namespaced_custom_object,
            namespace=namespace,
            name=name,
            body=body,
            _content_type="application/merge-patch+json",
            **API,
        )

    async def refresh(self, namespace: str, name: str, hard: bool = True) -> Application:
        """Ask Argo CD to look at an Application again; `hard` also drops its cached manifests."""
        annotations = {REFRESH: "hard" if hard else "normal"}
        return await self.patch(namespace, name, {"metadata": {"annotations": annotations}})

    async def close(self) -> None:
        """Give back the connections."""
        await asyncio.to_thread(self._client.close)

    async def _page(self, namespace: str, label_selector: str, token: str, limit: int) -> dict[str, Any]:
        asked = {"label_selector": label_selector, "limit": limit} | ({"_continue": token} if token else {})
        what = f"list Applications of namespace {namespace!r}"
        return await self._call(what, self._api.list_namespaced_custom_object, namespace=namespace, **asked, **API)

    async def _call(self, what: str, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        """Do one request in a thread, again when it may pass."""
        answer: Any = None
        async for attempt in stamina.retry_context(on=_again, attempts=ATTEMPTS, wait_initial=0.2, timeout=None):
            with attempt:
                try:
                    answer = await asyncio.to_thread(call, **arguments, _request_timeout=TIMEOUT)
                except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                    raise _mapped(what, self._client.configuration.host, error) from None
        if not isinstance(answer, dict):
            raise BadAnswer(f"tried to {what} at {self._client.configuration.host}: no JSON object came back")
        return answer


def _again(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds. A conflict stays one until somebody looks again."""
    if not isinstance(error, Retryable) or isinstance(error, Conflict):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= RETRY_AFTER_LIMIT else False


LEAVES: dict[int, tuple[type[DrayageError], str]] = {
    400: (Invalid, "check the step's settings"),
    401: (Unauthorized, "check the token of the Argo CD connection"),
    403: (Unauthorized, "let the connection's account get, list and patch applications.argoproj.io"),
    404: (NotFound, "check name and namespace, and that Argo CD is installed there"),
    409: (Conflict, "somebody else changed it first"),
    410: (Conflict, "the list changed while it was read"),
    422: (Invalid, "check the step's settings"),
}
"""Status to the error it means and what to do about it."""


def _mapped(what: str, host: str, error: Exception) -> DrayageError:
    if not isinstance(error, client.ApiException) or not error.status:
        return Unreachable(f"tried to {what} at {host}: {_reason(error)}")
    said = f"tried to {what} at {host}: it answered {error.status} {_message(error)}"
    after = retry_after({name.lower(): value for name, value in (error.headers or {}).items()}, datetime.now(UTC))
    if error.status == 429:
        return RateLimited(f"{said}: too many requests", after)
    if error.status >= 500:
        return Unavailable(said, after)
    leaf, advice = LEAVES.get(error.status, (Terminal, "this is not what a Kubernetes API answers"))
    return leaf(f"{said}: {advice}")


def _reason(error: Exception) -> str:
    """Why no answer came, without urllib3's object names."""
    cause = getattr(error, "reason", None) or error
    return re.sub(r"^\w+\([^)]*\): ", "", str(cause)) or type(error).__name__


def _message(error: client.ApiException) -> str:
    """The server's own sentence where it has one, else the status in words."""
    try:
        return str(json.loads(error.body or "")["message"])[:300]
    except (TypeError, ValueError, KeyError):
        return str(error.reason or "")
