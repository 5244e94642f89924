"""Run Git: bounded in time and output, deaf to the machine's configuration, with secrets nobody else sees."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from blocks.errors import BadAnswer, Refused, Unreachable
from blocks.git.access import Access
from blocks.git.failures import Damaged, failure
from blocks.git.process import end, exchange
from blocks.git.ssh import ssh_files

LOCAL_TIMEOUT = 120.0
"""Seconds a command without network may take."""

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes a command may print."""

PASSED_ON = frozenset({
    "PATH", "TMPDIR", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_EXEC_PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
    "ALL_PROXY", "no_proxy", "NO_PROXY", "LD_LIBRARY_PATH", "SYSTEMROOT",
})  # fmt: skip
"""Variables Git gets from our own environment; the worker's secrets are not among them."""

FIXED = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",  # no .netrc, no attributes, no ignore file of the account that runs us
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_SSH_COMMAND": "false",  # ssh is used with a key that is given, or not at all
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
}

SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.askPass": "",
    "core.autocrlf": "false",
    "core.quotePath": "false",
    "core.fsync": "committed,-loose-object,-reference",  # ten thousand tags are as many files; broken ones are mended
    "core.commentChar": "\x01",  # lines of a message that begin with # are part of it
    "credential.helper": "",  # an empty value forgets every helper configured elsewhere
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # one pack per fetch; mirrors are tidied by the number of packs
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "init.defaultBranch": "main",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "advice.detachedHead": "false",
}


async def git(
    *args: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = LOCAL_TIMEOUT,
    input: str | None = None,
    access: Access | None = None,
    holding: int | None = None,
    limit: int = OUTPUT_LIMIT,
    accept: tuple[int, ...] = (0,),
) -> str:
    """Run one Git command and return what it printed.

    `access` is needed by commands that reach a server; its password lives only in that process's environment,
    an ssh key in a private file as long as it runs. `holding` is the descriptor of a lock that stays taken until
    Git has ended, even when this process is killed before. `accept` lists the exit codes that are answers. Raises
    the leaf of `blocks.errors` that fits; on timeout and cancellation Git and everything it started are killed.
    """
    verb = next((word for word in args if not word.startswith("-")), "")
    with ssh_files(access) as key:
        process = await _start(args, cwd, _environment(access, cwd, key | dict(env or {})), input is not None, holding)
        try:
            async with asyncio.timeout(timeout):
                out, err = await exchange(process, input, limit)
                code = await process.wait()
        except TimeoutError:
            what = f"git {verb} of {access.url}" if access else f"git {verb}"
            raise Unreachable(f"{what} was not done within {timeout:g} s and was stopped") from None
        finally:
            await end(process)
    if out is None or err is None:
        raise BadAnswer(f"git {verb} printed more than {limit} bytes, the limit")
    if code not in accept:
        raise failure(verb, f"{err}\n{out}", access)  # a push tells the reason among its results
    return out


async def _start(
    args: tuple[str, ...], cwd: Path | None, environment: dict[str, str], fed: bool, holding: int | None
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "git",
            *args,
            cwd=cwd,
            env=environment,
            stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that its helpers can be killed with it
            pass_fds=() if holding is None else (holding,),
        )
    except NotADirectoryError:
        raise Damaged(f"{cwd} is no folder") from None
    except FileNotFoundError:
        if cwd and not await asyncio.to_thread(cwd.exists):
            raise Damaged(f"{cwd} is gone") from None
        raise Refused("git is not installed: install Git 2.38 or newer on the worker") from None


def _environment(access: Access | None, cwd: Path | None, more: Mapping[str, str]) -> dict[str, str]:
    settings = SETTINGS | (access.config() if access else {})
    numbered = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    inherited = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    secrets = access.environment() if access else {}
    # Without an access a command is local, and Git's own copying between two folders counts as "file".
    allowed = {"GIT_ALLOW_PROTOCOL": access.protocols if access else "file"}
    if cwd:  # a folder that lost its repository must not stand for one further up
        allowed["GIT_CEILING_DIRECTORIES"] = str(cwd.absolute().parent)
    return inherited | FIXED | numbered | allowed | secrets | dict(more)
