"""What every exchange is asked with, and what it gives back."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeGuard

Values = Mapping[str, str]
"""What a Secret holds, by Kargo's keys (`githubAppPrivateKey`). Never log it."""

GOOGLE_IAM = "https://iamcredentials.googleapis.com"
AZURE_LOGIN = "https://login.microsoftonline.com"


@dataclass(frozen=True)
class Wanted:
    """A repository that is to be opened: for which project, of which kind, by the credentials of which name.

    `url` is normalised as Kargo compares URLs: that of an image or an OCI chart begins with the host.
    """

    project: str
    cred_type: str
    url: str
    name: str


@dataclass(frozen=True)
class Token:
    """A user name and password that are good for a while; only `username` and the times may be shown."""

    username: str
    password: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Site:
    """What exchanges may use of the machine they run on. The addresses are those of the clouds themselves.

    `ambient` names the clouds whose identity of this machine may be used without any Secret.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    ambient: frozenset[str] = frozenset()
    allow_plain_http: bool = False
    google_iam: str = GOOGLE_IAM
    azure_login: str = AZURE_LOGIN
    azure_registry: str = "https://{host}"

    def may_send_to(self, url: str) -> bool:
        """Whether something secret may travel to a URL."""
        return url.startswith("https://") or (self.allow_plain_http and url.startswith("http://"))


Exchange = Callable[[Wanted, Values, Site, datetime], Awaitable[Token]]
"""Asks for a token. Raises the leaves of `blocks.errors`, naming the credentials, the key and what to do."""


def is_token(answered: Any) -> TypeGuard[str]:
    """Whether something a server answered can be sent on as a token."""
    return isinstance(answered, str) and answered != "" and answered.isascii() and answered.isprintable()
