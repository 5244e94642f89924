"""Tokens by OAuth 2.0 client credentials."""

import base64
import json
from dataclasses import dataclass, field

from blocks.errors import BadAnswer, Unauthorized
from blocks.web import Web

REFUSED = (400, 401, 403)


@dataclass(frozen=True)
class ClientCredentials:
    """How to fetch a token."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


async def fetch_token(web: Web, login: ClientCredentials, account: str = "") -> str:
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


def _token(url: str, body: bytes) -> str:
    try:
        token = json.loads(body)["access_token"]
    except (ValueError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not token:
        raise BadAnswer(f"POST {url} answered without an access_token: check tokenUrl of the metric's oauth2")
    return token
