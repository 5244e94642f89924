"""Private keys for tests, made once per process: they open nothing."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat


@cache
def rsa(number: int) -> RSAPrivateKey:
    """One RSA key for each number."""
    return generate_private_key(65537, 2048)


def rsa_pem(number: int = 0, passphrase: str = "") -> str:
    """An RSA key as GitHub gives it out, with a passphrase when there is one."""
    locked = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return rsa(number).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, locked).decode()


@cache
def ssh_pem(passphrase: str = "") -> str:
    """An Ed25519 key as `ssh-keygen` writes it."""
    locked = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, locked).decode()


def google_key(token_uri: str = "https://oauth2.googleapis.com/token", **changed: Any) -> str:
    """A service account's key as Google gives it out."""
    info = {
        "type": "service_account",
        "project_id": "acme-1",
        "private_key_id": "k1",
        "private_key": rsa_pem(1),
        "client_email": "puller@acme-1.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }
    return json.dumps(info | changed)
