"""Calls to Google with its own library, which blocks: for threads. Imported when first needed, for it is large."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import google.auth
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from blocks.errors import BadAnswer, DrayageError, Invalid, Unauthorized, Unreachable

CALL_SECONDS = 10.0
KEY_REMEDY = "check that the key in gcpServiceAccountKey was not deleted and its service account not disabled"
OWN_REMEDY = "give this machine a service account that may read the registry, or apply a Secret"

Answer = tuple[Any, datetime]
"""A token, if any, and when it ends."""


def with_key(info: Mapping[str, Any], scope: str, what: str, now: datetime) -> Answer:
    """Ask for a token with a service account's key."""
    from_info: Any = service_account.Credentials.from_service_account_info
    try:
        signed = from_info(info, scopes=[scope])
    except (ValueError, GoogleAuthError):
        raise Invalid(f"{what} cannot be asked: gcpServiceAccountKey is no key of a service account") from None
    return _refreshed(signed, what, KEY_REMEDY, now)


def as_machine(scope: str, what: str, now: datetime) -> tuple[Answer, str]:
    """Ask for this machine's own token; with it comes the Google Cloud project it is in."""
    with requests.Session() as session:
        try:
            own, project = google.auth.default(scopes=[scope], request=_request(session))
        except (DefaultCredentialsError, TransportError) as error:
            raise Unauthorized(
                f"{what} failed: this machine has no identity ({type(error).__name__}); {OWN_REMEDY}"
            ) from None
    return _refreshed(own, what, OWN_REMEDY, now), project or ""


def _refreshed(credentials: Any, what: str, remedy: str, now: datetime) -> Answer:
    """Have Google's library ask for a token. Its messages are not repeated: they may quote the answer."""
    with requests.Session() as session:
        try:
            credentials.refresh(_request(session))
        except RefreshError as error:
            raise _refused(error, what, remedy) from None
        except (GoogleAuthError, requests.RequestException) as error:
            raise Unreachable(f"{what} failed ({type(error).__name__}): check the way there") from None
        except (AttributeError, LookupError, TypeError, ValueError):  # the library looks into any JSON as into its own
            raise BadAnswer(f"{what} gave an answer that makes no sense: check that Google answers there") from None
    ends = credentials.expiry.replace(tzinfo=UTC) if credentials.expiry else now + timedelta(hours=1)
    return credentials.token, ends


def _refused(error: RefreshError, what: str, remedy: str) -> DrayageError:
    if error.retryable:
        return Unreachable(f"{what} was not answered: check the way there")
    if "reasonable timeframe" in str(error):
        return Unauthorized(f"{what} was refused: this machine's clock differs from Google's; set it")
    return Unauthorized(f"{what} was refused: {remedy}")


def _request(session: requests.Session) -> Any:
    return partial(Request(session), timeout=CALL_SECONDS)
