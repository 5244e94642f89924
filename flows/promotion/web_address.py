"""What the steps that ask HTTP servers share: URLs with parameters, and sentences without the secrets in them."""

from collections.abc import Sequence
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field

from blocks.errors import DrayageError, Invalid, Retryable
from flows.duration import parse_duration
from flows.model import Model


def _duration(text: str) -> str:
    try:
        seconds = parse_duration(text).total_seconds()
    except Invalid:
        raise ValueError("must be a duration such as 10s or 1m30s") from None
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return text


Positive = Annotated[str, AfterValidator(_duration)]
"""A duration longer than nothing, as text."""


class Pair(Model):
    """A header or query parameter."""

    name: str = Field(min_length=1, description="Its name.")
    value: str = Field(min_length=1, description="Its value.")


def headers(pairs: Sequence[Pair]) -> httpx.Headers:
    """The headers to send; a name may come several times."""
    return httpx.Headers([(pair.name, pair.value) for pair in pairs])


def full_url(text: str, parameters: Sequence[Pair]) -> httpx.URL:
    """Read a URL and add parameters to its own. Raises Invalid, without a secret, for what is no http URL."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise Invalid("the config's url cannot be read as a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Invalid(f"the config's url must start with http:// or https:// and name a host; it is {shown(url)!r}")
    if not parameters:
        return url
    added = [(parameter.name, parameter.value) for parameter in parameters]
    return url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *added]))


def shown(url: httpx.URL) -> str:
    """The URL without user, password and parameters, where secrets are."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def without_secrets(error: DrayageError, url: httpx.URL) -> DrayageError:
    """The same error, its sentence with the URL as `shown`."""
    message = str(error).replace(str(url), shown(url))
    return type(error)(message, error.retry_after) if isinstance(error, Retryable) else type(error)(message)
