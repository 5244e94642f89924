"""Which kind of code host a repository is on."""

from collections.abc import Callable

from blocks.code_hosts.address import read_address
from blocks.code_hosts.api import Request, Way
from blocks.code_hosts.azure_devops import AzureDevOps
from blocks.code_hosts.bitbucket_cloud import BitbucketCloud
from blocks.code_hosts.bitbucket_data_center import BitbucketDataCenter
from blocks.code_hosts.gitea import Gitea
from blocks.code_hosts.github import GitHub
from blocks.code_hosts.gitlab import GitLab
from blocks.code_hosts.hosts import is_bitbucket_cloud, kind_of
from blocks.code_hosts.pull_request import CodeHost
from blocks.errors import Invalid
from blocks.records import Credentials


def _bitbucket(way: Way, repo_url: str) -> CodeHost:
    cloud = is_bitbucket_cloud(read_address(repo_url).host)
    return BitbucketCloud(way, repo_url) if cloud else BitbucketDataCenter(way, repo_url)


PROVIDERS: dict[str, Callable[[Way, str], CodeHost]] = {
    "azure": AzureDevOps,
    "bitbucket": _bitbucket,
    "gitea": Gitea,
    "github": GitHub,
    "gitlab": GitLab,
}
"""Kinds of code hosts, by the names that Kargo gives them."""


def code_host(
    request: Request,
    repo_url: str,
    credentials: Credentials | None = None,
    provider: str | None = None,
    *,
    insecure: bool = False,
) -> CodeHost:
    """Return the code host of a repository; nothing is asked yet.

    Raises Invalid when the URL cannot be read or `provider` is needed to know the kind of its host.
    """
    kind = provider or guess(repo_url)
    if kind not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        what = f"provider {kind!r} is unknown" if kind else f"{read_address(repo_url).host!r} does not say what it is"
        raise Invalid(f"{what}: set provider to one of {known}")
    return PROVIDERS[kind](Way(request, credentials, insecure), repo_url)


def guess(repo_url: str) -> str | None:
    """Name the kind of code host by the host's name alone; None when that says nothing. Raises Invalid."""
    return kind_of(read_address(repo_url).host)
