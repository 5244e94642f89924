"""Addresses of metric services, as people write them."""

import base64
from urllib.parse import unquote, urlsplit, urlunsplit

from blocks.errors import Invalid


def without_login(address: str, whose: str) -> tuple[str, dict[str, str]]:
    """Move `user:password@` out of an address into a header, so that no message can repeat it.

    Returns the address without a final slash, and the header. Raises Invalid for what is no http URL; `whose` names
    its owner.
    """
    try:
        parts = urlsplit(address.rstrip("/"))
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise Invalid(f"the address of {whose} is no http:// or https:// URL: correct it")
    login, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit((parts.scheme, host, parts.path, "", ""))
    if not login:
        return plain, {}
    basic = base64.b64encode(unquote(login).encode()).decode()
    return plain, {"Authorization": f"Basic {basic}"}
