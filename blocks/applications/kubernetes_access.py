"""How a Kubernetes configuration opens a server over httpx: its certificates, its token, its proxy."""

import ssl
from collections.abc import Mapping
from typing import Any

from kubernetes import client

from blocks.errors import Invalid, Unauthorized


def options(settings: client.Configuration) -> dict[str, Any]:
    """Return what `Asking` needs for it. Raises Invalid for certificates that cannot be read."""
    found: dict[str, Any] = {"verify": _verification(settings), "server_name": settings.tls_server_name or ""}
    return found | ({"proxy": settings.proxy, "trust_env": False} if settings.proxy else {})


def _verification(settings: client.Configuration) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert, cadata=settings.ca_cert_data)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ValueError) as error:
        kind = type(error).__name__
        raise Invalid(f"the certificates of the Argo CD connection cannot be used ({kind}): check them") from None
    if not settings.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def headers(settings: client.Configuration) -> Mapping[str, str]:
    """Make the headers that open the server. A kubeconfig may renew its token here, by a program: use a thread.

    Raises Unauthorized when that fails.
    """
    try:
        auth: dict[str, Any] = dict(settings.auth_settings())
    except Exception as error:
        kind = type(error).__name__
        raise Unauthorized(
            f"the token for {settings.host} cannot be renewed ({kind}): look at the login of the connection's "
            "kubeconfig, or at the pod's service account"
        ) from None
    return {each["key"]: each["value"] for each in auth.values() if each["in"] == "header" and each["value"]}
