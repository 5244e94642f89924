"""Where people see a commit in their browser, judged by the shape of the repository's URL alone."""

import re
from urllib.parse import urlsplit

from blocks.code_hosts.hosts import is_bitbucket_cloud, kind_of

PATHS = {
    "azure": "/commit/{commit}",
    "bitbucket": "/commits/{commit}",
    "gitea": "/commit/{commit}",
    "github": "/commit/{commit}",
    "gitlab": "/-/commit/{commit}",
}

DATA_CENTER = re.compile(r"^(?:(.*)/scm)?/([^/]+)/([^/]+)$")
"""Where Git finds a repository of Bitbucket Data Center, by https and by ssh."""

AZURE_SSH = re.compile(r"^/v3/([^/]+)/([^/]+)/([^/]+)$")
"""Where Git finds one of Azure DevOps by ssh, on a host of its own."""


def commit_url(repo_url: str, commit: str, provider: str | None = None) -> str | None:
    """Return the page of a commit; None where neither `provider` nor the host says what kind of code host it is."""
    host, port, path = _parts(repo_url)
    kind = provider or kind_of(host)
    if kind not in PATHS or not host:
        return None
    if kind == "bitbucket" and not is_bitbucket_cloud(host):
        path = DATA_CENTER.sub(r"\1/projects/\2/repos/\3", path)
    if kind == "azure" and AZURE_SSH.match(path):
        host, path = "dev.azure.com", AZURE_SSH.sub(r"/\1/\2/_git/\3", path)
    return f"https://{host}{port}{path}{PATHS[kind].format(commit=commit)}"


def _parts(repo_url: str) -> tuple[str, str, str]:
    """Split into host, port of a web address, and path without `.git`."""
    if "://" not in repo_url:
        host, _, path = repo_url.rpartition("@")[2].partition(":")
        return host.lower(), "", "/" + _plain(path)
    parts = urlsplit(repo_url)
    web = parts.scheme in ("http", "https")
    port = f":{parts.port}" if web and parts.port else ""
    return (parts.hostname or "").lower(), port, "/" + _plain(parts.path)


def _plain(path: str) -> str:
    return path.strip("/").removesuffix(".git").rstrip("/")
