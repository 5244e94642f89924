"""How metric servers know us, as templates say it: headers, OAuth 2.0, Amazon's signature."""

import asyncio
from collections.abc import Mapping

from pydantic import Field, model_validator

from blocks.aws_identity import session, signed_headers
from blocks.client_credentials import ClientCredentials, fetch_token
from blocks.errors import Refused
from flows.model import Model
from flows.verification.measuring import Context

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


class Authentication(Model):
    """How a server knows us, besides headers."""

    sigv4: Sigv4 | None = Field(default=None, description="Sign requests for Amazon.")
    oauth2: OAuth2 | None = Field(default=None, description="Fetch a token first.")

    @model_validator(mode="after")
    def _one(self) -> "Authentication":
        if self.sigv4 and self.oauth2:
            raise ValueError("one of 'sigv4' and 'oauth2', not both: a request has one signature or one token")
        return self


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
        token = await fetch_token(context.web, _login(wanted.oauth2), account)
        return {**headers, "Authorization": f"Bearer {token}"}
    if wanted.sigv4:
        return await _signed(wanted.sigv4, context, method, url, headers, body)
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


def _login(oauth2: OAuth2) -> ClientCredentials:
    return ClientCredentials(oauth2.token_url, oauth2.client_id, oauth2.client_secret, tuple(oauth2.scopes))
