"""How a repository is reached: a clean URL, what opens it, and which transports are allowed."""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from blocks.budget import Budget, Budgets, account
from blocks.errors import Invalid, Refused, Unauthorized
from blocks.records import Credentials
from blocks.redirect import current_redirects

SCP_LIKE = re.compile(r"^(?:\w[\w.-]*@)?\w[\w.-]*:(?!//|:)[^\s]+$")
USERINFO = re.compile(r"(?<=://)[^/\s@'\"]+@")

KEY_LINE = 16
"""Characters from which a word of a key is a secret and not part of its frame."""

OPENSSH = b"openssh-key-v1\0"
"""How OpenSSH's own kind of key begins, before the length and name of its cipher."""

HELPER = (
    "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' "
    '"$DRAYAGE_GIT_USERNAME" "$DRAYAGE_GIT_PASSWORD"; }; f'
)
"""A credential helper that reads the environment of the one Git process it was given to."""


@dataclass(frozen=True)
class Access:
    """One repository and what opens it. `url` holds no password; `sends` says whether credentials may travel.

    `instead` is where Git goes for the URL in a world of its own; then nothing opens it.
    """

    url: str
    credentials: Credentials | None = field(default=None, repr=False)
    insecure: bool = False
    allow_file: bool = False
    sends: bool = False
    transport: str = "https"
    budgets: Budgets | None = field(default=None, repr=False, compare=False)
    instead: str = ""

    def budget(self) -> Budget | None:
        """Return what these credentials may ask of this host; None where nobody counts."""
        if self.budgets is None or self.transport == "file":
            return None
        host = urlsplit(self.url if "://" in self.url else _as_url(self.url)).netloc.rpartition("@")[2].lower()
        return self.budgets.of(host, account(self.credentials))

    def turn(self) -> AbstractAsyncContextManager[object]:
        """Wait for a fair turn to ask the server, and hold it."""
        budget = self.budget()
        return budget.turn() if budget else nullcontext()

    @property
    def protocols(self) -> str:
        """The transports Git may use, as `GIT_ALLOW_PROTOCOL` wants them."""
        return "http:https:ssh:file" if self.allow_file else "http:https:ssh"

    def config(self) -> dict[str, str]:
        """Return the Git settings of this access: nothing secret, the helper only for this very host."""
        if self.instead:
            return {f"url.{self.instead}.insteadOf": self.url}
        settings = {"http.sslVerify": "false"} if self.insecure else {}
        if self.credentials and self.sends and self.transport != "ssh":
            parts = urlsplit(self.url)
            settings[f"credential.{parts.scheme}://{parts.netloc}.helper"] = HELPER
        return settings

    def environment(self) -> dict[str, str]:
        """Return the variables the credential helper reads."""
        if not (self.credentials and self.sends) or self.transport == "ssh":
            return {}
        return {
            "DRAYAGE_GIT_USERNAME": self.credentials.username or "git",
            "DRAYAGE_GIT_PASSWORD": self.credentials.password,
        }

    def hint(self) -> str:
        """Say what to do when the server refuses us."""
        if self.credentials is None:
            return "no credentials are known for this repository"
        if not self.sends:
            return f"credentials {self.credentials.name!r} are not sent over this transport; use https"
        return f"check credentials {self.credentials.name!r}"

    def mask(self, text: str) -> str:
        """Take everything secret out of what Git printed."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return USERINFO.sub("***@", text)

    def _secrets(self) -> Iterator[str]:
        if self.credentials is None:
            return
        username, password = self.credentials.username, self.credentials.password
        yield from (line for line in self.credentials.ssh_key.split() if len(line) >= KEY_LINE)
        if password:
            yield base64.b64encode(f"{username or 'git'}:{password}".encode()).decode()
            yield from sorted({password, quote(password, safe="")}, key=len, reverse=True)


def access(
    url: str,
    credentials: Credentials | None = None,
    *,
    insecure: bool = False,
    allow_file: bool = False,
    allow_plain_http_credentials: bool = False,
) -> Access:
    """Judge a repository URL and prepare its access.

    A user name and password inside the URL are taken out and used when no credentials are given. Raises
    Invalid for what is no repository URL, for transports that are not allowed, and for credentials Git's
    protocol cannot carry; Unauthorized or Refused where ssh lacks a key or the server's own key.
    """
    url = url.strip()
    scheme = _scheme(url, allow_file)
    url, inside = _without_password(url, scheme)
    opened_by = credentials or inside
    if redirects := current_redirects():
        return Access(url, transport="http", instead=redirects.of(url))
    if scheme == "ssh":
        return Access(url, _with_key(url, opened_by), insecure, allow_file, sends=True, transport=scheme)
    if opened_by and any(c in opened_by.username + opened_by.password for c in "\n\r\0"):
        raise Invalid(f"credentials {opened_by.name!r} hold a line break, which Git cannot send: save them without it")
    sends = scheme == "https" or (scheme == "http" and allow_plain_http_credentials)
    return Access(url, opened_by, insecure, allow_file, sends, scheme)


def _with_key(url: str, credentials: Credentials | None) -> Credentials:
    """Return credentials that ssh can use: its own key, and the server's, without which anybody could answer."""
    if credentials is None:
        raise Unauthorized(
            f"no credentials are known for {url}: ssh needs a Secret with sshPrivateKey and knownHosts for this repoURL"
        )
    if not credentials.ssh_key.strip():
        raise Unauthorized(
            f"credentials {credentials.name!r} hold no sshPrivateKey, which {url} needs: add it, or use an https URL"
        )
    if _has_passphrase(credentials.ssh_key):
        raise Unauthorized(
            f"the sshPrivateKey of credentials {credentials.name!r} has a passphrase, which nobody is there to type: "
            "save a key without one"
        )
    if not credentials.known_hosts.strip():
        raise Refused(
            f"credentials {credentials.name!r} hold no knownHosts, so nobody can tell whether it is {url} that "
            "answers: add knownHosts with the server's lines, as ssh-keyscan prints them, once you have checked them"
        )
    return credentials


def _has_passphrase(key: str) -> bool:
    """Whether a private key is encrypted: PEM says so in words, OpenSSH names a cipher in the first bytes."""
    body = "".join(line for line in key.split("\n") if "-----" not in line).replace("\r", "").replace(" ", "")
    try:
        start = base64.b64decode(body[: len(OPENSSH) * 4], validate=True)
    except ValueError:
        return "ENCRYPTED" in key
    return "ENCRYPTED" in key or (start.startswith(OPENSSH) and not start[len(OPENSSH) + 4 :].startswith(b"none"))


def mirror_key(url: str) -> str:
    """Name the mirror of a repository: the same for spellings that differ only in host case or `.git`.

    A user name counts with ssh only, where it can be part of the place.
    """
    parts = urlsplit(url if "://" in url else _as_url(url))
    user, _, host = parts.netloc.rpartition("@")
    host = f"{user}@{host.lower()}" if parts.scheme.lower() == "ssh" else host.lower()
    path = parts.path.rstrip("/").removesuffix(".git").rstrip("/")
    name = urlunsplit((parts.scheme.lower(), host, path, parts.query, ""))
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def _as_url(url: str) -> str:
    """Write `user@host:path` as a URL; the path begins at the user's home, a file's at the root."""
    host, _, path = url.partition(":")
    return url if url.startswith("/") else f"ssh://{host}/~/{path}"


def _scheme(url: str, allow_file: bool) -> str:
    if not url or url.startswith("-") or re.search(r"[\x00-\x20\x7f]", url):
        raise Invalid(f"{USERINFO.sub('***@', url)!r} is not a Git repository URL")
    if "://" in url:
        scheme = url.partition("://")[0].lower()
    else:
        scheme = "file" if Path(url).is_absolute() else "ssh" if SCP_LIKE.match(url) else ""
    allowed = ("http", "https", "ssh", *(("file",) if allow_file else ()))
    if scheme not in allowed:
        shown = USERINFO.sub("***@", url)
        raise Invalid(f"repository {shown!r} is reached by {scheme or 'nothing known'}; allowed: {', '.join(allowed)}")
    if "://" in url and not _port_is_a_number(url):  # the rest of a password with '/' in it would be shown as a path
        raise Invalid(f"a repository URL that begins {scheme}:// has no number as its port: keep passwords in a Secret")
    if scheme in ("http", "https") and not urlsplit(url).hostname:
        raise Invalid(f"repository {url!r} names no host")
    return scheme


def _port_is_a_number(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _without_password(url: str, scheme: str) -> tuple[str, Credentials | None]:
    """Split a URL from its user information. An ssh user name stays: it is part of the address."""
    if "://" not in url or "@" not in urlsplit(url).netloc:
        return url, None
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    if scheme == "ssh":
        return urlunsplit(parts._replace(netloc=f"{name}@{host}")), None
    clean = urlunsplit(parts._replace(netloc=host))
    return clean, Credentials(f"in the URL of {host}", unquote(name), unquote(password))
