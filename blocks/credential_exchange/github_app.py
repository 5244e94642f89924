"""GitHub Apps: a signed claim to be the App is exchanged for a token that opens one repository for an hour.

Source: GitHub, Authenticating as a GitHub App installation; Kargo, Managing Secrets. The token's permissions are
those the installation was given.
"""

import asyncio
import json
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from blocks.credential_exchange.private_key import rsa_key
from blocks.credential_exchange.wanted import Site, Token, Values, Wanted, is_token
from blocks.errors import BadAnswer, DrayageError, Invalid, NotFound, RateLimited, Refused, Unauthorized
from blocks.http_client import Limits, client, request
from blocks.pacing.rate_headers import wait_asked

USERNAME = "x-access-token"
SCOPES = "kargo.akuity.io/github-token-scopes"
"""Annotation: JSON of project to names of repositories that the credentials may open for it."""

BACKDATED = timedelta(seconds=60)
LIFE = timedelta(minutes=9)
"""Of the claim, together at most the ten minutes GitHub allows, with room for clocks that differ."""

SKEW = timedelta(seconds=60)
"""Clocks that differ by more are named as the reason of a refusal."""

LIMITS = Limits(timeout=15.0, attempts=3, max_bytes=1024 * 1024)
REFUSALS = (401, 403, 404, 422)


def repository(url: str) -> tuple[str, str] | None:
    """Split a repository's URL into owner and name; None when it has neither or is not reached by http."""
    parts = urlsplit(url)
    path = [part for part in parts.path.split("/") if part]
    if parts.scheme not in ("http", "https") or len(path) < 2:
        return None
    return path[-2], path[-1].removesuffix(".git")


def api(url: str) -> str:
    """Return the API's address for a repository: of github.com, of GitHub with data residency, or Enterprise Server."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    if host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"{parts.scheme}://{host}/api/v3"


def claim(issuer: str, now: datetime) -> dict[str, Any]:
    """Return what is signed: that we are the App, from a little earlier on and for minutes only."""
    return {"iss": issuer, "iat": int((now - BACKDATED).timestamp()), "exp": int((now + LIFE - BACKDATED).timestamp())}


def may_open(scopes: str, project: str, url: str) -> bool:
    """Whether the annotation lets a project open a repository; an empty one restricts nothing.

    Raises Invalid when it is no JSON of project to repositories: then nobody may use the credentials. Names are
    compared without case, as GitHub does.
    """
    if not scopes.strip():
        return True
    found = repository(url)
    names = read_scopes(scopes).get(project, [])
    return found is not None and found[1].lower() in {name.lower() for name in names}


def read_scopes(scopes: str) -> dict[str, list[str]]:
    """Read the annotation. Raises Invalid when it is not what it is to be."""
    try:
        read = json.loads(scopes)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or not all(_is_names(each) for each in read.values()):
        raise Invalid(
            'is no JSON of projects with their repositories, expected {"project": ["repository"]}, correct it'
        )
    return {project: names or [] for project, names in read.items()}


def _is_names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value))


async def exchange(wanted: Wanted, values: Values, site: Site, now: datetime) -> Token:
    """Ask GitHub for a token of one repository. Raises the leaves of `blocks.errors`, naming field and remedy."""
    place = f"{api(wanted.url)}/app/installations/{values['githubAppInstallationID'].strip()}/access_tokens"
    if not site.may_send_to(place):
        raise Refused(f"credentials {wanted.name!r} are not sent to {place} over plain http; use https")
    found = repository(wanted.url)
    if found is None:
        raise Invalid(f"credentials {wanted.name!r} are of a GitHub App, and {wanted.url!r} is no repository of GitHub")
    issuer = (values.get("githubAppClientID") or values["githubAppID"]).strip()
    headers = {
        "authorization": f"Bearer {await asyncio.to_thread(_signed, wanted, values, issuer, now)}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }
    async with client() as http:
        body = {"repositories": [found[1]]}
        answer = await request(http, "POST", place, headers=headers, limits=LIMITS, accept_errors=REFUSALS, json=body)
    if not answer.is_success:
        raise _refusal(wanted, answer, now)
    return _token(answer, now)


def _signed(wanted: Wanted, values: Values, issuer: str, now: datetime) -> str:
    key = rsa_key(values["githubAppPrivateKey"])
    if key is None:
        raise Invalid(
            f"githubAppPrivateKey of credentials {wanted.name!r} is no RSA key in PEM: "
            "generate one in the App's settings and paste the whole file"
        )
    return jwt.encode(claim(issuer, now), key, algorithm="RS256")


def _token(answer: httpx.Response, now: datetime) -> Token:
    try:
        body = answer.json()
        token, expires_at = body["token"], datetime.fromisoformat(body["expires_at"])
        if not is_token(token):
            raise ValueError
        if expires_at.tzinfo is None:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise BadAnswer(
            f"POST {answer.request.url} answered without a token: check that GitHub answers there"
        ) from None
    return Token(USERNAME, token, min(expires_at, now + timedelta(hours=1)))


def _refusal(wanted: Wanted, answer: httpx.Response, now: datetime) -> DrayageError:
    """Word what GitHub refused: each status has its own field to look at."""
    said = f"POST {answer.request.url} with credentials {wanted.name!r} answered {answer.status_code}"
    wait = wait_asked(answer.status_code, answer.headers, answer.content, now)
    if answer.status_code == 403 and wait is not None:
        return RateLimited(f"{said}: too many requests", wait)
    if answer.status_code == 401 and (ahead := _clock_ahead(answer, now)):
        return Unauthorized(f"{said}: this machine's clock is {ahead}; set it, GitHub takes no other time")
    return {
        401: Unauthorized(
            f"{said}: check that githubAppPrivateKey is a key of the App in githubAppClientID or githubAppID, "
            "and was not revoked"
        ),
        403: Unauthorized(f"{said}: the installation is suspended or may not be used; look at it in GitHub's settings"),
        404: NotFound(
            f"{said}: check githubAppInstallationID, the App (githubAppClientID or githubAppID) "
            "and that it is still installed"
        ),
        422: Unauthorized(
            f"{said}: the installation does not hold {'/'.join(repository(wanted.url) or ())}; "
            "add the repository to it in GitHub's settings"
        ),
    }[answer.status_code]


def _clock_ahead(answer: httpx.Response, now: datetime) -> str:
    """How far our clock is from the server's, in words; empty when they agree or the server says no time."""
    try:
        ahead = now - parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return ""
    if abs(ahead) <= SKEW:
        return ""
    return f"{abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta() else 'behind'} GitHub's"
