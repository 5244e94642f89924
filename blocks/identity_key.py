"""The key by which it is checked who somebody is: a file with a shared secret, or with a public key."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from blocks.errors import Invalid, NotFound

SHORTEST_SECRET = 32
LARGEST_FILE = 16 * 1024


@dataclass(frozen=True)
class IdentityKey:
    """What a signature is checked with, and the one algorithm it is good for: an assertion has no say in that."""

    key: bytes | Ed25519PublicKey = field(repr=False)
    algorithm: str


async def read_identity_key(path: Path | None) -> IdentityKey | None:
    """Read the key anew, so that another one counts at once; None where none is set.

    A PEM file holds an Ed25519 public key (EdDSA); anything else is a shared secret of at least 32 bytes (HS256).
    Raises NotFound for a file that cannot be read and Invalid for what is neither.
    """
    if path is None:
        return None
    try:
        content = (await asyncio.to_thread(_content, path)).strip()
    except OSError as error:
        raise NotFound(
            f"the identity key {path} cannot be read: {error.strerror}; see DRAYAGE_IDENTITY_KEY_FILE"
        ) from None
    return identity_key(content, str(path))


def _content(path: Path) -> bytes:
    with path.expanduser().open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def identity_key(content: bytes, where: str) -> IdentityKey:
    """Understand what is in the file. Raises Invalid, without a word of the content."""
    if content.startswith(b"-----BEGIN"):
        return IdentityKey(_public_key(content, where), "EdDSA")
    if not SHORTEST_SECRET <= len(content) <= LARGEST_FILE:
        raise Invalid(
            f"the identity key {where} has {len(content)} bytes: a shared secret has at least {SHORTEST_SECRET}, "
            "and a public key is in PEM"
        )
    return IdentityKey(content, "HS256")


def _public_key(content: bytes, where: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Invalid(f"the identity key {where} is no Ed25519 public key in PEM; the private one stays with who signs")
    return key
