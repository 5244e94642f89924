"""How commits are made and pushed where a step does not say otherwise."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Invalid
from blocks.git.integration import Policy
from blocks.git.private import write_private
from blocks.git.signing import SigningKey

KEY_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Committing:
    """What an operator decides: the author, the key that signs or its file, and how pushes take in what is new."""

    name: str = "Drayage"
    email: str = "no-reply@drayage.dev"
    key_file: Path | None = None
    policy: Policy = Policy.ALWAYS_REBASE
    api_commits: int = 10
    verify_untrusted: bool = False
    signing: SigningKey | None = None

    async def key(self) -> SigningKey | None:
        """Read the operator's key. Raises Invalid when its file cannot be read."""
        if self.signing or self.key_file is None:
            return self.signing
        return await asyncio.to_thread(read_key, self.key_file, "DRAYAGE_GIT_SIGNING_KEY_FILE")


def keep_key(work_dir: Path, name: str, key: SigningKey) -> Path:
    """Keep a key beside a promotion's working directory, where no step reaches, and return its file.

    Whoever removes the promotion's folder removes it, too.
    """
    folder = work_dir.with_name(f"{work_dir.name}.keys")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder.absolute() / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.asc"
    file.unlink(missing_ok=True)
    write_private(file, key.text)
    return file


def read_key(file: Path, what: str) -> SigningKey:
    """Read a key from a file. Raises Invalid."""
    try:
        with file.open() as opened:
            return SigningKey(opened.read(KEY_LIMIT))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Invalid(f"the signing key cannot be read from {file}: {why}; check {what}") from None
