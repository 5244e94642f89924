"""Where a chart repository keeps its index."""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from blocks.errors import Invalid


@dataclass(frozen=True)
class Location:
    """Address of an index.

    `host` has its port. `url` is fit for messages; `query` may hold a signature, as of storage accounts, and is not.
    """

    scheme: str
    host: str
    url: str
    query: str = field(default="", repr=False)

    @property
    def identity(self) -> str:
        """A text without secrets that no other index has."""
        return f"{self.url}?{hashlib.sha256(self.query.encode()).hexdigest()}" if self.query else self.url


def locate(repo_url: str) -> Location:
    """Find the index below a repository's URL; a query stays behind the path, as Helm has it.

    Raises Invalid when it is no http URL, or one with a user name or password in it.
    """
    try:
        parts = urlsplit(repo_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise Invalid("the repoURL is no URL of a chart repository; write it like 'https://charts.example.com/stable'")
    if "@" in parts.netloc:
        raise Invalid(
            f"the repoURL of the chart repository on {host} has a user name or password in it: "
            "take it out and apply a Secret for the repository instead"
        )
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/index.yaml"
    return Location(parts.scheme, parts.netloc.lower(), url, parts.query)
