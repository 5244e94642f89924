"""Sign with an OpenPGP key in a key ring of its own, which is there only as long as somebody signs."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from blocks.errors import BadAnswer, Invalid, Refused, Terminal, Unavailable
from blocks.git.private import private_folder, write_private
from blocks.git.process import end, exchange

PREFIX = "drayage-gpg-"

GPG_TIMEOUT = 60.0
"""Seconds one call of gpg may take."""

OUTPUT_LIMIT = 1024 * 1024

PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")

SETTINGS = """\
batch
no-tty
pinentry-mode error
trust-model always
no-auto-key-locate
no-auto-key-retrieve
ignore-time-conflict
"""
"""Nobody is there to type; the ring holds only the key that was given, which is therefore trusted."""


@dataclass(frozen=True)
class SigningKey:
    """An armoured private key without passphrase."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Signer:
    """A key in an open key ring. `environment` lets Git find the ring, `key` is what Git and gpg call the key.

    `born` is when it was made, in Unix seconds: nobody believes a signature that is older than its key.
    """

    home: Path
    key: str
    born: int

    @property
    def environment(self) -> dict[str, str]:
        """Return Git's variables."""
        return {"GNUPGHOME": str(self.home)}

    async def sign(self, text: str, at: int) -> str:
        """Return the armoured signature of a text, dated to Unix seconds: the same text and date give the same."""
        dated = ("--faked-system-time", f"{max(at, self.born)}!")
        return await _gpg(self.home, *dated, "--detach-sign", "--armor", "--local-user", self.key, given=text)


@asynccontextmanager
async def opened(key: SigningKey | None, at: datetime | None = None) -> AsyncIterator[Signer | None]:
    """Open a key ring that holds one key, and remove it with its agent afterwards; None for no key.

    What Git signs with it is dated `at`, so that a commit made twice is one commit. Raises Refused when gpg is not
    installed, Invalid when the text is no private key or has a passphrase.
    """
    if key is None:
        yield None
        return
    with private_folder(PREFIX, "a signing key") as home:
        write_private(home / "gpg.conf", SETTINGS)
        try:
            await _gpg(home, "--import", given=key.text.replace("\r\n", "\n").strip() + "\n")
            signer = Signer(home, *await _only_key(home))
            await signer.sign(
                "", int(at.timestamp()) if at else int(time.time())
            )  # a key with a passphrase is found out now, not half-way
            if at:
                time_line = f"faked-system-time {max(int(at.timestamp()), signer.born)}!\n"
                (home / "gpg.conf").write_text(SETTINGS + time_line)
            yield signer
        finally:
            await asyncio.shield(_end_agent(home))


async def _only_key(home: Path) -> tuple[str, int]:
    """Return the fingerprint of the private key in a ring, and when it and all its parts were made."""
    listed = await _gpg(home, "--list-secret-keys", "--with-colons")
    rows = [line.split(":") for line in listed.splitlines()]
    found = [rows[number + 1][9] for number, row in enumerate(rows[:-1]) if row[0] == "sec"]
    if len(found) != 1:
        raise Invalid(f"signingKey holds {len(found) or 'no'} private keys: give one, as gpg exports it with --armor")
    return found[0], max(int(row[5]) for row in rows if row[0] in ("sec", "ssb") and row[5].isdecimal())


async def _end_agent(home: Path) -> None:
    """End the agent of this very ring; it listens there and nowhere else."""
    with suppress(Terminal, Unavailable, BadAnswer):
        await _run("gpgconf", home, "--kill", "gpg-agent")


async def _gpg(home: Path, *args: str, given: str | None = None) -> str:
    code, out, err = await _run("gpg", home, *args, given=given)
    if code == 0:
        return out
    if "No pinentry" in err or "Bad passphrase" in err:
        raise Invalid("signingKey has a passphrase, which nobody is there to type: save a key without one")
    if "--import" in args:
        raise Invalid("signingKey is no OpenPGP private key: give it as gpg exports it with --armor")
    said = "; ".join(line for line in err.splitlines() if line.startswith("gpg: "))[:300].replace(str(home), "its ring")
    raise Terminal(f"signing failed: {said or f'gpg ended with {code}'} (check signingKey: has it expired?)")


async def _run(program: str, home: Path, *args: str, given: str | None = None) -> tuple[int, str, str]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"GNUPGHOME": str(home), "HOME": "/nonexistent", "LC_ALL": "C"}
    try:
        process = await asyncio.create_subprocess_exec(
            *(program, *args),
            env=environment,
            stdin=asyncio.subprocess.PIPE if given is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Refused("signing needs gpg, which is not installed: install GnuPG 2.2 or newer on the worker") from None
    try:
        async with asyncio.timeout(GPG_TIMEOUT):
            out, err = await exchange(process, given, OUTPUT_LIMIT)
            code = await process.wait()
    except TimeoutError:
        raise Unavailable(f"gpg was not done within {GPG_TIMEOUT:g} s and was stopped") from None
    finally:
        await end(process)
    if out is None or err is None:
        raise BadAnswer(f"gpg printed more than {OUTPUT_LIMIT} bytes, the limit")
    return code, out, err
