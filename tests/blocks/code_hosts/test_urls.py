"""Which host, which API, which repository: read from every URL that Git takes."""

import pytest

from blocks.code_hosts.address import read_address
from blocks.code_hosts.api import Way
from blocks.code_hosts.azure_devops import AzureDevOps
from blocks.code_hosts.bitbucket_cloud import BitbucketCloud
from blocks.code_hosts.bitbucket_data_center import BitbucketDataCenter
from blocks.code_hosts.gitea import Gitea
from blocks.code_hosts.github import GitHub
from blocks.code_hosts.gitlab import GitLab
from blocks.code_hosts.providers import PROVIDERS, code_host, guess
from blocks.errors import Invalid
from blocks.records import Credentials
from flows.promotion.pull_requests import RepositoryConfig

GITHUB = "/repos/acme/app/pulls/1"
CLOUD = "https://api.bitbucket.org/2.0/repositories/acme/app/pullrequests/1"
DC = "/rest/api/1.0/projects/ACME/repos/app/pull-requests/1"
AZURE = "/_apis/git/repositories/app/pullrequests/1"


async def asked(repo_url, provider=None, credentials=None):
    """The URL and headers with which pull request 1 is looked at."""
    found = []

    async def request(method, url, **options):
        found.append((url, options["headers"]))
        raise LookupError

    with pytest.raises(LookupError):
        await code_host(request, repo_url, credentials, provider).get(1)
    return found[0]


@pytest.mark.parametrize(
    ("repo_url", "provider", "url"),
    [
        ("https://github.com/acme/app", None, f"https://api.github.com{GITHUB}"),
        ("https://github.com/acme/app.git", None, f"https://api.github.com{GITHUB}"),
        ("git@github.com:acme/app.git", None, f"https://api.github.com{GITHUB}"),
        ("ssh://git@github.com:22/acme/app.git", None, f"https://api.github.com{GITHUB}"),
        ("https://acme.ghe.com/acme/app", None, f"https://api.acme.ghe.com{GITHUB}"),
        ("https://github.example.com/acme/app", None, f"https://github.example.com/api/v3{GITHUB}"),
        ("https://code.example.com:8443/acme/app", "github", f"https://code.example.com:8443/api/v3{GITHUB}"),
        ("https://gitlab.com/acme/app", None, "https://gitlab.com/api/v4/projects/acme%2Fapp/merge_requests/1"),
        (
            "git@gitlab.com:acme/team/sub/app.git",
            None,
            "https://gitlab.com/api/v4/projects/acme%2Fteam%2Fsub%2Fapp/merge_requests/1",
        ),
        (
            "ssh://git@gitlab.example.com:2222/acme/app.git",
            None,
            "https://gitlab.example.com/api/v4/projects/acme%2Fapp/merge_requests/1",
        ),
        (
            "https://code.example.com:8443/acme/app",
            "gitlab",
            "https://code.example.com:8443/api/v4/projects/acme%2Fapp/merge_requests/1",
        ),
        ("https://codeberg.org/acme/app", None, "https://codeberg.org/api/v1/repos/acme/app/pulls/1"),
        ("https://gitea.example.com/acme/app.git", None, "https://gitea.example.com/api/v1/repos/acme/app/pulls/1"),
        ("https://example.com/git/acme/app", "gitea", "https://example.com/git/api/v1/repos/acme/app/pulls/1"),
        ("https://acme@bitbucket.org/acme/app.git", None, CLOUD),
        ("git@bitbucket.org:acme/app.git", None, CLOUD),
        ("https://bitbucket.example.com/scm/ACME/app.git", None, f"https://bitbucket.example.com{DC}"),
        ("https://example.com:7990/ctx/scm/ACME/app.git", "bitbucket", f"https://example.com:7990/ctx{DC}"),
        ("https://bitbucket.example.com/projects/ACME/repos/app", None, f"https://bitbucket.example.com{DC}"),
        (
            "https://bitbucket.example.com/ctx/users/ana/repos/app",
            None,
            "https://bitbucket.example.com/ctx/rest/api/1.0/projects/~ana/repos/app/pull-requests/1",
        ),
        ("ssh://git@bitbucket.example.com:7999/ACME/app.git", None, f"https://bitbucket.example.com{DC}"),
        (
            "https://bitbucket.example.com/scm/~ana/app.git",
            None,
            "https://bitbucket.example.com/rest/api/1.0/projects/~ana/repos/app/pull-requests/1",
        ),
        ("https://dev.azure.com/acme/shop/_git/app", None, f"https://dev.azure.com/acme/shop{AZURE}"),
        ("https://acme@dev.azure.com/acme/shop/_git/app", None, f"https://dev.azure.com/acme/shop{AZURE}"),
        ("https://dev.azure.com/acme/_git/app", None, f"https://dev.azure.com/acme/app{AZURE}"),
        ("https://dev.azure.com/acme/a%20shop/_git/app", None, f"https://dev.azure.com/acme/a%20shop{AZURE}"),
        ("git@ssh.dev.azure.com:v3/acme/shop/app", None, f"https://dev.azure.com/acme/shop{AZURE}"),
        ("https://acme.visualstudio.com/shop/_git/app", None, f"https://acme.visualstudio.com/shop{AZURE}"),
        ("https://acme.visualstudio.com/_git/app", None, f"https://acme.visualstudio.com/app{AZURE}"),
        (
            "https://acme.visualstudio.com/DefaultCollection/shop/_git/app",
            None,
            f"https://acme.visualstudio.com/DefaultCollection/shop{AZURE}",
        ),
        ("acme@vs-ssh.visualstudio.com:v3/acme/shop/app", None, f"https://dev.azure.com/acme/shop{AZURE}"),
        ("https://tfs.example.com/tfs/Main/shop/_git/app", "azure", f"https://tfs.example.com/tfs/Main/shop{AZURE}"),
    ],
)
async def test_where_the_api_is(repo_url, provider, url):
    """Whether it goes by https or ssh, has a port, subgroups or a path before it."""
    assert (await asked(repo_url, provider))[0] == url


@pytest.mark.parametrize(
    "repo_url",
    [
        "",
        "acme/app",
        "file:///acme/app",
        "https://github.com",
        "https:///acme/app",
        "https://[1/acme/app",
        "https://user:planted-77@github.com:99999/acme/app",
        "https://github.com/acme/../app",
        "https://github.com/acme/%2e%2e/app",
        "https://github.com/acme/a%0ab",
        "https://github.com/acme/a%2Fb",
    ],
)
def test_what_is_no_repository(repo_url):
    """It is refused by a sentence that shows how to write one, and no password."""
    with pytest.raises(Invalid, match="names no repository") as error:
        read_address(repo_url)
    assert "planted" not in str(error.value)


@pytest.mark.parametrize(
    ("repo_url", "provider", "kind"),
    [
        ("https://github.com/acme", None, "GitHub"),
        ("https://gitlab.com/acme", None, "GitLab"),
        ("https://gitea.com/acme", None, "Gitea"),
        ("https://bitbucket.org/acme/team/app", None, "Bitbucket Cloud"),
        ("https://bitbucket.example.com/a/b/c", None, "Bitbucket Data Center"),
        ("https://dev.azure.com/acme/shop/app", None, "Azure DevOps"),
        ("https://x.example/acme", "github", "GitHub"),
    ],
)
def test_what_is_no_repository_there(repo_url, provider, kind):
    """The sentence shows what one looks like on this kind of host."""
    with pytest.raises(Invalid, match=f"is no repository on {kind}: write it like 'https://"):
        code_host(None, repo_url, None, provider)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("github.com", "github"),
        ("GitHub.com", "github"),
        ("github.acme.example", "github"),
        ("acme.ghe.com", "github"),
        ("gitlab.com", "gitlab"),
        ("gitlab.acme.example", "gitlab"),
        ("gitea.com", "gitea"),
        ("forgejo.acme.example", "gitea"),
        ("codeberg.org", "gitea"),
        ("bitbucket.org", "bitbucket"),
        ("bitbucket.acme.example", "bitbucket"),
        ("dev.azure.com", "azure"),
        ("acme.visualstudio.com", "azure"),
        ("code.acme.example", None),
        ("notgithub.com", None),
        ("github-evil.example", None),
    ],
)
def test_which_kind_of_host(host, kind):
    """By its name alone."""
    assert guess(f"https://{host}/acme/app") == kind


def test_kinds_that_are_known():
    """Those a step's `provider` may name; Bitbucket is two; others are told the known ones."""
    assert set(PROVIDERS) == set(RepositoryConfig.model_fields["provider"].annotation.__args__[0].__args__)
    assert isinstance(code_host(None, "https://bitbucket.org/acme/app"), BitbucketCloud)
    assert isinstance(code_host(None, "https://x.example/scm/a/b", None, "bitbucket"), BitbucketDataCenter)
    with pytest.raises(Invalid, match=r"'code\.example' does not say what it is: set provider to one of azure, bitb"):
        code_host(None, "https://code.example/acme/app")
    with pytest.raises(Invalid, match="provider 'svn' is unknown"):
        code_host(None, "https://code.example/acme/app", None, "svn")


JWT = "eyJhbGciOi.eyJzdWIi.c2ln"


@pytest.mark.parametrize(
    ("repo_url", "user", "token", "authorization"),
    [
        pytest.param("https://github.com/a/b", "x", "t", "Bearer t", id="github"),
        pytest.param("https://gitlab.com/a/b", "x", "t", "Bearer t", id="gitlab"),
        pytest.param("https://gitea.com/a/b", "x", "t", "token t", id="gitea"),
        pytest.param("https://bitbucket.org/a/b", "x-token-auth", "t", "Bearer t", id="cloud-access-token"),
        pytest.param("https://bitbucket.org/a/b", "ana", "t", "Basic YW5hOnQ=", id="cloud-person"),
        pytest.param("https://bitbucket.example.com/scm/a/b", "ana", "t", "Bearer t", id="data-center"),
        pytest.param("https://dev.azure.com/a/b/_git/c", "ana", "t", "Basic OnQ=", id="azure-token"),
        pytest.param("https://dev.azure.com/a/b/_git/c", "ana", JWT, f"Bearer {JWT}", id="azure-entra"),
    ],
)
async def test_who_asks(repo_url, user, token, authorization):
    """Each host's own header; nobody sends none; nothing shows the token."""
    credentials = Credentials("keeper", user, token)
    _, headers = await asked(repo_url, None, credentials)
    assert headers["Authorization"] == authorization
    assert "Authorization" not in (await asked(repo_url))[1]
    host = code_host(None, repo_url, credentials)
    assert authorization not in repr(vars(host))
    assert "planted-99" not in repr(Way(None, Credentials("keeper", user, "planted-99")))


@pytest.mark.parametrize("kind", [GitHub, GitLab, Gitea, BitbucketCloud, BitbucketDataCenter, AzureDevOps])
def test_every_host_names_its_methods(kind):
    """In alphabetical order, each once."""
    assert list(kind.METHODS) == sorted(set(kind.METHODS))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://github.com/Acme/app.git", "git@github.com:acme/App", True),
        ("https://www.github.com/acme/app", "https://github.com/acme/app", True),
        ("https://bitbucket.example.com/scm/ACME/app", "ssh://git@bitbucket.example.com:7999/acme/app.git", True),
        ("https://dev.azure.com/acme/shop/_git/app", "git@ssh.dev.azure.com:v3/acme/shop/app", True),
        ("https://github.com/acme/app", "https://gitlab.com/acme/app", False),
        ("https://github.com/acme/app", "https://github.com/acme/app2", False),
    ],
)
def test_the_same_place(one, other, same):
    """Two URLs of one repository, as a step and a webhook write them."""
    assert (read_address(one).place == read_address(other).place) == same
