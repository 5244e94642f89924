"""Azure's registries: this pod's workload identity becomes a token of Entra ID, and that one of the registry.

Source: Kargo, Managing Secrets; Microsoft, client credentials with a federated credential, and the registry's
`/oauth2/exchange`. Two requests, so that no library of Azure is needed.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt

from blocks.credential_exchange.wanted import Site, Token, Wanted, is_token
from blocks.errors import BadAnswer, Invalid, Refused, Unauthorized
from blocks.http_client import Limits, client, request

HOST = re.compile(r"([a-z0-9-]+)\.azurecr\.io/")
USERNAME = "00000000-0000-0000-0000-000000000000"
SCOPE = "https://containerregistry.azure.net/.default"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = timedelta(minutes=150)
"""Of a registry's token that does not say when it ends; Azure's end after three hours."""

LIMITS = Limits(timeout=15.0, attempts=3, max_bytes=1024 * 1024)
VARIABLES = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")
REFUSALS = (400, 401, 403, 404)
LARGEST_FILE = 64 * 1024


def opens(url: str) -> bool:
    """Whether a URL is one of Azure Container Registry."""
    return HOST.match(url) is not None


async def ambient(wanted: Wanted, site: Site, now: datetime) -> Token:
    """Exchange this pod's identity for a token of one registry. Raises the leaves of `blocks.errors`."""
    found = HOST.match(wanted.url)
    if found is None:
        raise Invalid(f"{wanted.url!r} is no repository of Azure Container Registry")
    missing = [name for name in VARIABLES if not site.environment.get(name)]
    if missing:
        raise Invalid(
            f"{wanted.name} needs {', '.join(missing)}: Azure workload identity sets them in the worker's pod"
        )
    host = f"{found[1]}.azurecr.io"
    async with client() as http:
        identity = await _identity(http, wanted, site)
        form = {"grant_type": "access_token", "service": host, "access_token": identity}
        form["tenant"] = site.environment["AZURE_TENANT_ID"]
        url = f"{site.azure_registry.format(host=host)}/oauth2/exchange"
        remedy = f"give the identity {site.environment['AZURE_CLIENT_ID']} the role AcrPull on {host}"
        body = await _posted(http, wanted, site, url, form, remedy)
    token = _text(body, "refresh_token", url)
    return Token(USERNAME, token, _ends(token, now))


async def _identity(http: httpx.AsyncClient, wanted: Wanted, site: Site) -> str:
    """A token of Entra ID for whom the pod is."""
    environment = site.environment
    authority = (environment.get("AZURE_AUTHORITY_HOST") or site.azure_login).rstrip("/")
    url = f"{authority}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": environment["AZURE_CLIENT_ID"],
        "scope": SCOPE,
        "client_assertion_type": ASSERTION,
        "client_assertion": await asyncio.to_thread(_assertion, environment["AZURE_FEDERATED_TOKEN_FILE"]),
    }
    remedy = "check AZURE_CLIENT_ID, AZURE_TENANT_ID and the federated credential of that identity, and the clock"
    return _text(await _posted(http, wanted, site, url, form, remedy), "access_token", url)


def _assertion(path: str) -> str:
    try:
        with Path(path).open() as file:
            return file.read(LARGEST_FILE).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthorized(
            f"AZURE_FEDERATED_TOKEN_FILE cannot be read ({type(error).__name__}): Azure workload identity writes it"
        ) from None


async def _posted(
    http: httpx.AsyncClient, wanted: Wanted, site: Site, url: str, form: dict[str, str], remedy: str
) -> Any:
    if not site.may_send_to(url):
        raise Refused(f"{wanted.name} is not sent to {url}, which is no https URL")
    answer = await request(http, "POST", url, limits=LIMITS, accept_errors=REFUSALS, data=form)
    if not answer.is_success:
        raise Unauthorized(f"POST {url} with {wanted.name} answered {answer.status_code}: {remedy}")
    try:
        return answer.json()
    except ValueError:
        return None


def _text(body: Any, key: str, url: str) -> str:
    token = body.get(key) if isinstance(body, dict) else None
    if not is_token(token):
        raise BadAnswer(f"POST {url} answered without a token: check that Azure answers there")
    return token


def _ends(token: str, now: datetime) -> datetime:
    """When a registry's token ends, as it says itself; it is for the registry to check the signature."""
    try:
        ends = datetime.fromtimestamp(jwt.decode(token, options={"verify_signature": False})["exp"], UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return now + LIFE
    return min(ends, now + timedelta(hours=3))
