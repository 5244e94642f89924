"""OpenPGP keys made for tests, and a key ring that knows one of them, to check signatures as anybody would."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class TestKey:
    """A private key as text, and the environment in which Git trusts it."""

    __test__ = False

    text: str
    environment: dict[str, str]

    def status(self, commit: str, repository: Path) -> str:
        """Return what Git says of a commit's signature in one letter, and who signed."""
        command = ["git", "log", "-1", "--format=%G? %GS", commit]
        return self._run(command, repository).strip()

    def verify(self, what: str, repository: Path, kind: str = "commit") -> None:
        """Check a signature with `git verify-commit` or `git verify-tag`; it must be good."""
        self._run(["git", f"verify-{kind}", what], repository)

    def _run(self, command: list[str], cwd: Path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def new_signing_key(name: str = "Ana Silva", email: str = "ana@example.com", passphrase: str = "") -> Iterator[TestKey]:
    """Make a key in a ring of its own, below a short path as its agent needs; skips where there is no gpg."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed, and no commit is signed without it")
    home = tempfile.mkdtemp(prefix="gpg-test-", dir="/tmp")
    environment = {"GNUPGHOME": home, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def gpg(*args: str) -> str:
        command = ["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, *args]
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        gpg("--quick-gen-key", f"{name} <{email}>", "ed25519", "sign", "never")
        yield TestKey(gpg("--armor", "--export-secret-keys"), environment)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], timeout=60, check=False)
        shutil.rmtree(home, ignore_errors=True)
