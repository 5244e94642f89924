"""Basic authentication, as the Git remote and the registry ask for it when users are configured."""

import base64
import binascii
import secrets
from collections.abc import Mapping

Users = Mapping[str, str]
"""Passwords by user name."""

CHALLENGE = {"www-authenticate": 'Basic realm="sandbox"'}


def user_of(authorization: str, users: Users) -> str | None:
    """Name the user whose password an `Authorization` header carries; None when it proves nobody."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name if secrets.compare_digest(users.get(name, "").encode(), password.encode()) and name in users else None


def admits(authorization: str, users: Users) -> bool:
    """Say whether a request may pass: everybody may when no users are configured."""
    return not users or user_of(authorization, users) is not None
