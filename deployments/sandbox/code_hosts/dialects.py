"""The table of dialects."""

from deployments.sandbox.basic_auth import Users
from deployments.sandbox.code_hosts.azure_devops import AzureDevOps
from deployments.sandbox.code_hosts.bitbucket_cloud import BitbucketCloud
from deployments.sandbox.code_hosts.bitbucket_data_center import BitbucketDataCenter
from deployments.sandbox.code_hosts.dialect import Dialect
from deployments.sandbox.code_hosts.gitea import Gitea
from deployments.sandbox.code_hosts.github import GitHub
from deployments.sandbox.code_hosts.github_data import GitHubData
from deployments.sandbox.code_hosts.gitlab import GitLab
from deployments.sandbox.pull_requests import PullRequests
from deployments.sandbox.rate_limit import RateLimit

DIALECTS: dict[str, type[Dialect]] = {
    "github": GitHub,
    "github-data": GitHubData,
    "gitlab": GitLab,
    "gitea": Gitea,
    "bitbucket-cloud": BitbucketCloud,
    "bitbucket-data-center": BitbucketDataCenter,
    "azure": AzureDevOps,
}


def dialects(pulls: PullRequests, users: Users, github: RateLimit) -> dict[str, Dialect]:
    """Make all dialects over the same pull requests; GitHub's requests count together with those for releases."""
    return {name: kind(pulls, users, github if name.startswith("github") else None) for name, kind in DIALECTS.items()}
