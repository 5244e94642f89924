"""Private keys as people paste them: whole, as base64 of the whole, or folded into one line by an input field."""

import base64
import binascii
import re
import textwrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

LONGEST = 64 * 1024
"""Characters of a key; the largest real ones have some ten thousand."""

_ARMOUR = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


def pem(text: str) -> str:
    """Return a key in the lines it is to have, with one at its end; empty when there is no key in the text."""
    text = text.strip().replace("\\n", "\n")[:LONGEST]
    found = _ARMOUR.search(text) or _ARMOUR.search(_decoded(text))
    if found is None:
        return ""
    title, body = found.groups()
    if "\n" not in body.strip():
        body = "\n" + "\n".join(textwrap.wrap("".join(body.split()), 64)) + "\n"
    return f"-----BEGIN {title}-----{body}-----END {title}-----\n".replace("\r", "")


def rsa_key(text: str) -> RSAPrivateKey | None:
    """Return the RSA key of a text, or None when it holds none that can be used."""
    try:
        key = load_pem_private_key(pem(text).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def is_ssh_key(text: str) -> bool:
    """Whether a text is a private key that `ssh` can use without a person: one that has no passphrase."""
    content = pem(text).encode()
    for load in (load_ssh_private_key, load_pem_private_key):
        try:
            load(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return True
    return False


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
