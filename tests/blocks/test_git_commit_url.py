"""Where a commit can be seen, by the shape of the repository's URL."""

import pytest

from blocks.git.commit_url import commit_url


@pytest.mark.parametrize(
    ("url", "provider", "expected"),
    [
        pytest.param("https://github.com/acme/x.git", None, "https://github.com/acme/x/commit/abc", id="github"),
        pytest.param("https://u:p@github.com/acme/x", None, "https://github.com/acme/x/commit/abc", id="no-userinfo"),
        pytest.param("https://github.acme.io/a/x", None, "https://github.acme.io/a/x/commit/abc", id="enterprise"),
        pytest.param("https://gitlab.com/a/b/x.git", None, "https://gitlab.com/a/b/x/-/commit/abc", id="gitlab"),
        pytest.param("https://bitbucket.org/a/x", None, "https://bitbucket.org/a/x/commits/abc", id="bitbucket"),
        pytest.param(
            "https://bitbucket.acme.io/scm/A/x.git",
            None,
            "https://bitbucket.acme.io/projects/A/repos/x/commits/abc",
            id="data-center",
        ),
        pytest.param(
            "https://acme.io:7990/ctx/scm/A/x",
            "bitbucket",
            "https://acme.io:7990/ctx/projects/A/repos/x/commits/abc",
            id="data-center-below-a-path",
        ),
        pytest.param(
            "ssh://git@bitbucket.acme.io:7999/A/x.git",
            None,
            "https://bitbucket.acme.io/projects/A/repos/x/commits/abc",
            id="data-center-ssh",
        ),
        pytest.param("https://codeberg.org/a/x", None, "https://codeberg.org/a/x/commit/abc", id="codeberg"),
        pytest.param("https://gitea.acme.io:3000/a/x", None, "https://gitea.acme.io:3000/a/x/commit/abc", id="port"),
        pytest.param(
            "https://dev.azure.com/o/p/_git/r", None, "https://dev.azure.com/o/p/_git/r/commit/abc", id="azure"
        ),
        pytest.param(
            "git@ssh.dev.azure.com:v3/o/p/r", None, "https://dev.azure.com/o/p/_git/r/commit/abc", id="azure-ssh"
        ),
        pytest.param("git@github.com:acme/x.git", None, "https://github.com/acme/x/commit/abc", id="scp-like"),
        pytest.param("ssh://git@gitlab.com:22/a/x", None, "https://gitlab.com/a/x/-/commit/abc", id="ssh-port"),
        pytest.param("https://git.acme.io/a/x", None, None, id="unknown-host"),
        pytest.param("https://git.acme.io/a/x", "gitea", "https://git.acme.io/a/x/commit/abc", id="named"),
        pytest.param("https://notgithub.com/a/x", None, None, id="looks-like-github"),
        pytest.param("/srv/x.git", None, None, id="a-folder"),
    ],
)
def test_commit_url(url, provider, expected):
    """Known hosts and named providers give a page, everything else none."""
    assert commit_url(url, "abc", provider) == expected
