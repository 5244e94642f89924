"""How metric servers know us, as templates say it: headers, a password, OAuth 2.0, Amazon's signature."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Self, TypeVar

from pydantic import Field, model_validator

from blocks.aws_identity import session, signed_headers
from blocks.client_credentials import ClientCredentials
from blocks.errors import Refused, Unauthorized
from flows.model import Model
from flows.verification.measuring import Context

T = TypeVar("T")

SERVICE = "aps"
"""The service requests are signed for: Amazon's Prometheus, as in Argo Rollouts."""


class Header(Model):
    """A header to send."""

    key: str = Field(min_length=1, description="Name of the header.")
    value: str = Field(repr=False, description="Its value.")


class SecretName(Model):
    """A Secret of the project."""

    name: str = Field(min_length=1, description="Name of the Secret.")


class Sigv4(Model):
    """Requests signed for Amazon."""

    region: str = Field(default="", description="Amazon region.")
    profile: str = Field(default="", description="Credentials profile of this machine.")
    role_arn: str = Field(default="", description="Role to assume.")
    secret_ref: SecretName | None = Field(
        default=None, description="Secret with accessKeyID and secretAccessKey, instead of what this machine is."
    )


class OAuth2(Model):
    """A token by client credentials."""

    token_url: str = Field(default="", description="Where tokens are given out.")
    client_id: str = Field(default="", description="Client id.")
    client_secret: str = Field(default="", repr=False, description="Client secret.")
    scopes: list[str] = Field(default_factory=list, description="Scopes to ask for.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (self.token_url and self.client_id and self.client_secret):
            raise ValueError("'oauth2' needs 'tokenUrl', 'clientId' and 'clientSecret'")
        return self

    @property
    def login(self) -> ClientCredentials:
        """The same in the block's words."""
        return ClientCredentials(self.token_url, self.client_id, self.client_secret, tuple(self.scopes))


class BasicAuth(Model):
    """A user name and a password."""

    username: str = Field(default="", description="User name.")
    password: str = Field(default="", repr=False, description="Password.")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if not (self.username and self.password):
            raise ValueError("'basicAuth' needs 'username' and 'password'")
        return self

    @property
    def header(self) -> str:
        """What the header Authorization says."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


class Authentication(Model):
    """How a server knows us, besides headers."""

    sigv4: Sigv4 | None = Field(default=None, description="Sign requests for Amazon.")
    oauth2: OAuth2 | None = Field(default=None, description="Fetch a token first.")
    basic_auth: BasicAuth | None = Field(default=None, description="Send a user name and a password.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.sigv4, self.oauth2, self.basic_auth)) > 1:
            raise ValueError("one of 'sigv4', 'oauth2' and 'basicAuth': a request logs in in one way")
        return self


def account(wanted: Authentication, context: Context, *texts: str) -> str:
    """Name the Secret that a request logs in with, for budgets; `texts` are what else may hold its value."""
    if wanted.sigv4 and wanted.sigv4.secret_ref:
        return f"{context.project}/{wanted.sigv4.secret_ref.name}"
    secret = wanted.oauth2.client_secret if wanted.oauth2 else ""
    password = wanted.basic_auth.password if wanted.basic_auth else ""
    return context.account(*texts, secret, password)


async def logged_in(wanted: Authentication, context: Context, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask, and where a token that was kept is refused, once more with a new one. Raises what `ask` raises."""
    try:
        return await ask()
    except Unauthorized:
        if not (wanted.oauth2 and context.tokens.forget(wanted.oauth2.login)):
            raise
    return await ask()


async def opening(
    wanted: Authentication,
    context: Context,
    account: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, str]:
    """Return the headers that open a server for exactly this request. Raises the leaves of `blocks.errors`."""
    if wanted.oauth2:
        token = await context.tokens.of(context.web, wanted.oauth2.login, account)
        return {**headers, "Authorization": f"Bearer {token}"}
    if wanted.sigv4:
        return await _signed(wanted.sigv4, context, method, url, headers, body)
    if wanted.basic_auth and "authorization" not in map(str.lower, headers):
        return {**headers, "Authorization": wanted.basic_auth.header}
    return dict(headers)


async def _signed(
    wanted: Sigv4, context: Context, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    keys = await context.secret(wanted.secret_ref.name, False) if wanted.secret_ref else None
    if keys is None:
        check_ambient(context)

    def sign() -> dict[str, str]:
        made = session(wanted.region, wanted.profile, wanted.role_arn, keys)
        return signed_headers(made, SERVICE, method, url, headers, body, wanted.region)

    return await asyncio.to_thread(sign)


def check_ambient(context: Context) -> None:
    """Raise Refused where what this machine is for AWS is not for pipelines to use."""
    if "aws" not in context.ambient:
        raise Refused(
            "a metric wants to use what this machine is for AWS, which is not allowed: name a Secret with keys, "
            "or set DRAYAGE_AMBIENT_CREDENTIALS to 'aws' on the worker"
        )
