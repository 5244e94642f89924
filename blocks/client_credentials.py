"""Tokens by OAuth 2.0 client credentials: fetched once for all who need one, and kept as long as they are valid."""

import base64
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic

from blocks.errors import BadAnswer, Unauthorized
from blocks.single_flight import SingleFlight
from blocks.web import Web

REFUSED = (400, 401, 403)

MARGIN = 10.0
"""Seconds before its end from which on a token is not used any more."""

UNSAID = 60.0
"""Seconds for which a token is kept whose end nobody said."""

LONGEST = 3600.0
MOST_TOKENS = 500


@dataclass(frozen=True)
class ClientCredentials:
    """How to fetch a token."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A token and for how many seconds it is valid."""

    text: str = field(repr=False)
    seconds: float = UNSAID


class Tokens:
    """Tokens by their credentials. Belongs to one event loop; nothing of it is ever written down."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[ClientCredentials, tuple[float, str]] = OrderedDict()
        self._flights: SingleFlight[Token] = SingleFlight()

    async def of(self, web: Web, login: ClientCredentials, account: str = "") -> str:
        """Return a token that is valid for a while. Raises as `fetch_token`."""
        until, kept = self._kept.get(login, (0.0, ""))
        if until > monotonic():
            return kept
        token = await self._flights.do(login, lambda: fetch_token(web, login, account))
        self._kept[login] = monotonic() + min(token.seconds, LONGEST) - MARGIN, token.text
        self._kept.move_to_end(login)
        if len(self._kept) > MOST_TOKENS:
            self._kept.popitem(last=False)
        return token.text

    def forget(self, login: ClientCredentials) -> bool:
        """Let go of a token that was refused before its time. Returns whether there was one."""
        return self._kept.pop(login, None) is not None


async def fetch_token(web: Web, login: ClientCredentials, account: str = "") -> Token:
    """Fetch a token, the secret first in the header and, where that is refused, in the form.

    Raises Unauthorized, and what `web.request` raises; `account` is for its budgets.
    """
    form = {"grant_type": "client_credentials"} | ({"scope": " ".join(login.scopes)} if login.scopes else {})
    basic = base64.b64encode(f"{login.client_id}:{login.client_secret}".encode()).decode()
    secret = {"client_id": login.client_id, "client_secret": login.client_secret}
    for headers, data in (({"Authorization": f"Basic {basic}"}, form), ({}, form | secret)):
        answer = await web.request(
            "POST", login.token_url, headers=headers, data=data, accept_errors=REFUSED, account=account
        )
        if answer.is_success:
            return _token(login.token_url, answer.content)
    raise Unauthorized(
        f"POST {login.token_url} gave no token for client {login.client_id!r} ({answer.status_code}): "
        "check clientId and clientSecret of the metric's oauth2"
    )


def _token(url: str, body: bytes) -> Token:
    try:
        decoded = json.loads(body)
        token, seconds = decoded["access_token"], _seconds(decoded.get("expires_in"))
    except (ValueError, KeyError, TypeError, AttributeError):
        token, seconds = None, 0.0
    if not isinstance(token, str) or not token:
        raise BadAnswer(f"POST {url} answered without an access_token: check tokenUrl of the metric's oauth2")
    return Token(token, seconds)


def _seconds(said: object) -> float:
    """Read `expires_in`, which some servers write as text."""
    try:
        return float(str(said))
    except ValueError:
        return UNSAID
