"""Where a repository is, read from any URL that Git takes."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from blocks.errors import Invalid
from blocks.git.access import USERINFO

_SCP = re.compile(r"(?:[\w.+-]+@)?([\w.-]+):(?!/)(.+)")


@dataclass(frozen=True)
class Address:
    """A repository's host and path. `web` is where people and programs find the host, without a final slash.

    `path` has neither an ending nor slashes around, and is not percent-encoded.
    """

    host: str
    web: str
    path: tuple[str, ...]
    ssh: bool = False

    @property
    def quoted(self) -> tuple[str, ...]:
        """The path as URLs have it."""
        return tuple(map(quote, self.path))

    @property
    def place(self) -> tuple[str, tuple[str, ...]]:
        """What two URLs of the same repository have in common, whether they go by ssh or https."""
        path = tuple(part.lower() for part in self.path)
        for marks in (("scm",), ("v3",)):  # what Bitbucket and Azure put before it
            path = path[1:] if path[:1] == marks else path
        host = self.host.removeprefix("ssh.").removeprefix("vs-ssh.").removeprefix("altssh.").removeprefix("www.")
        return host, tuple(part for part in path if part != "_git")


def read_address(repo_url: str) -> Address:
    """Read a repository URL. Raises Invalid for what names no host and path; shows no password."""
    text = repo_url.strip()
    scp = _SCP.fullmatch(text) if "://" not in text else None
    try:
        parts = urlsplit(f"ssh://{scp[1]}/{scp[2]}" if scp else text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _invalid(text) from None
    path = parts.path.strip("/").removesuffix(".git").rstrip("/")
    if parts.scheme not in ("https", "http", "ssh") or not host or not path:
        raise _invalid(text)
    names = tuple(unquote(part) for part in path.split("/"))
    if any(part in ("", ".", "..") or not part.isprintable() or "/" in part for part in names):
        raise _invalid(text)
    ssh = parts.scheme == "ssh"
    shown = f"[{host}]" if ":" in host else host
    web = f"https://{shown}" if ssh else f"{parts.scheme}://{shown}{f':{port}' if port else ''}"
    return Address(host, web, names, ssh)


def _invalid(text: str) -> Invalid:
    shown = USERINFO.sub("***@", text) if "://" in text else text.rpartition("@")[2]
    return Invalid(f"{shown!r} names no repository on a code host: write it like 'https://github.com/acme/app'")


def unlike(address: Address, kind: str, example: str) -> Invalid:
    """Say that a URL cannot be of this kind of host."""
    shown = f"{address.web}/{'/'.join(address.path)}"
    return Invalid(f"{shown!r} is no repository on {kind}: write it like {example!r}")
