"""Where an index lies below a repository's URL."""

import pytest

from blocks.charts.location import locate
from blocks.errors import Invalid


@pytest.mark.parametrize(
    ("repo_url", "url", "query"),
    [
        ("https://charts.example.com", "https://charts.example.com/index.yaml", ""),
        ("https://charts.example.com/", "https://charts.example.com/index.yaml", ""),
        ("https://example.com/A/stable//", "https://example.com/A/stable/index.yaml", ""),
        (" http://example.com:8080/charts ", "http://example.com:8080/charts/index.yaml", ""),
        ("HTTPS://example.com", "https://example.com/index.yaml", ""),
        ("https://[::1]:8443/charts", "https://[::1]:8443/charts/index.yaml", ""),
        ("https://example.com/charts?sv=1&sig=a%2Bb", "https://example.com/charts/index.yaml", "sv=1&sig=a%2Bb"),
        ("https://example.com/charts#top", "https://example.com/charts/index.yaml", ""),
    ],
)
def test_index(repo_url, url, query):
    """It is the last part of the path; a query stays behind."""
    found = locate(repo_url)
    assert (found.url, found.query) == (url, query)


@pytest.mark.parametrize("repo_url", ["", "charts", "ftp://example.com", "https://", "https://[::1", "http://a:b/c"])
def test_no_url(repo_url):
    """What is no http URL is said to be none."""
    with pytest.raises(Invalid, match="no URL of a chart repository"):
        locate(repo_url)


def test_password_in_the_url():
    """A password belongs into a Secret; the sentence does not repeat it."""
    with pytest.raises(Invalid, match=r"on example\.com has a user name or password in it") as raised:
        locate("https://ana:pa55word@example.com/charts")
    assert "pa55word" not in str(raised.value)


def test_identity():
    """Two signatures are two places, and neither can be read from what is kept or shown."""
    one, other = locate("https://example.com/c?sig=s3cret"), locate("https://example.com/c?sig=0ther")
    assert one.identity != other.identity
    assert "s3cret" not in f"{one.identity} {one!r} {one.url}"
