"""Google's registries: a service account's key, or this machine's identity, becomes an access token of an hour.

Source: Kargo, Managing Secrets; Google, OAuth 2.0 for service accounts and generateAccessToken.
"""

import asyncio
import base64
import binascii
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.credential_exchange.private_key import rsa_key
from blocks.credential_exchange.threads import in_thread
from blocks.credential_exchange.wanted import Site, Token, Values, Wanted, is_token
from blocks.errors import BadAnswer, Invalid, NotFound, Refused, Unauthorized
from blocks.http_client import Limits, client, request

log = logging.getLogger("drayage")

HOST = re.compile(r"(?:[a-z0-9.-]+-docker\.pkg\.dev|(?:[a-z0-9.-]+\.)?gcr\.io)/")
USERNAME = "oauth2accesstoken"
READ = "https://www.googleapis.com/auth/devstorage.read_only"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
"""What our own token has to be good for, so that it may ask for the project's."""

SECONDS = 45.0
LIMITS = Limits(timeout=15.0, attempts=3, max_bytes=1024 * 1024)
NEEDED = ("client_email", "private_key", "token_uri")
WRONG_KEY = "is no key of a service account, expected base64 of the JSON file that Google made, paste that"


def opens(url: str) -> bool:
    """Whether a URL is one of Artifact Registry or of the older Container Registry."""
    return HOST.match(url) is not None


def key_info(text: str) -> dict[str, Any] | None:
    """Read a service account's key from base64 of its JSON, or the JSON itself; None when it is no such key.

    Other JSON that Google's libraries take names programs to run or files to read, and is none.
    """
    try:
        decoded = text if text.lstrip().startswith("{") else base64.b64decode("".join(text.split()), validate=True)
        info = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        return None
    if not all(isinstance(info.get(name), str) for name in NEEDED) or rsa_key(info["private_key"]) is None:
        return None
    return info


async def exchange(wanted: Wanted, values: Values, site: Site, now: datetime) -> Token:
    """Ask for an access token with a service account's key. Raises the leaves of `blocks.errors`."""
    info = await asyncio.to_thread(key_info, values["gcpServiceAccountKey"])
    if info is None:
        raise Invalid(f"gcpServiceAccountKey of credentials {wanted.name!r} {WRONG_KEY}")
    if not site.may_send_to(info["token_uri"]):
        raise Refused(f"gcpServiceAccountKey of credentials {wanted.name!r} names a token_uri that is no https URL")
    what = f"Google with credentials {wanted.name!r}"

    def work() -> tuple[Any, datetime]:
        from blocks.credential_exchange.google_calls import with_key

        return with_key(info, READ, what, now)

    return _token(*await in_thread(work, SECONDS, what), what, now)


async def ambient(wanted: Wanted, site: Site, now: datetime) -> Token:
    """Ask for a token of the project's service account, or our own when there is none or we may not be it."""
    own, google_project = await _own(wanted, now)
    account = f"kargo-project-{wanted.project}@{google_project}.iam.gserviceaccount.com"
    try:
        token = await _impersonated(account, own, site, now) if google_project else None
    except (NotFound, Unauthorized):
        token = None
    log.info("project %s: Google is asked as %s", wanted.project, account if token else "this machine's own account")
    return token or own


async def _own(wanted: Wanted, now: datetime) -> tuple[Token, str]:
    what = f"Google with {wanted.name}"

    def work() -> tuple[tuple[Any, datetime], str]:
        from blocks.credential_exchange.google_calls import as_machine

        return as_machine(CLOUD, what, now)

    answer, google_project = await in_thread(work, SECONDS, what)
    return _token(*answer, what, now), google_project


async def _impersonated(account: str, own: Token, site: Site, now: datetime) -> Token:
    """Ask for another service account's token with our own."""
    url = f"{site.google_iam}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    headers = {"authorization": f"Bearer {own.password}"}
    async with client() as http:
        answer = await request(http, "POST", url, headers=headers, limits=LIMITS, json={"scope": [READ]})
    try:
        body = answer.json()
        token, ends = body["accessToken"], datetime.fromisoformat(body["expireTime"])
    except (ValueError, TypeError, KeyError):
        raise _no_token(f"POST {url}") from None
    return _token(token, ends, f"POST {url}", now)


def _token(token: Any, ends: datetime, what: str, now: datetime) -> Token:
    if not is_token(token):
        raise _no_token(what)
    ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    return Token(USERNAME, token, min(ends, now + timedelta(hours=1)))


def _no_token(what: str) -> BadAnswer:
    return BadAnswer(f"{what} answered without a token: check that Google answers there")
