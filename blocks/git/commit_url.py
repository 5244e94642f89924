"""Where people see a commit in their browser, judged by the shape of the repository's URL alone."""

import re
from urllib.parse import urlsplit

PATHS = {
    "azure": "/commit/{commit}",
    "bitbucket": "/commits/{commit}",
    "gitea": "/commit/{commit}",
    "github": "/commit/{commit}",
    "gitlab": "/-/commit/{commit}",
}

HOSTS = (
    (r"(^|\.)github\.", "github"),
    (r"(^|\.)gitlab\.", "gitlab"),
    (r"(^|\.)bitbucket\.org$", "bitbucket"),
    (r"(^|\.)(gitea|forgejo|codeberg)\.", "gitea"),
    (r"^dev\.azure\.com$|\.visualstudio\.com$", "azure"),
)


def commit_url(repo_url: str, commit: str, provider: str | None = None) -> str | None:
    """Return the page of a commit; None where neither `provider` nor the host says what kind of code host it is."""
    host, port, path = _parts(repo_url)
    kind = provider or next((name for pattern, name in HOSTS if re.search(pattern, host)), None)
    if kind not in PATHS or not host:
        return None
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
