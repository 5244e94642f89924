"""Where submodules come from, by the words of .gitmodules."""

import pytest

from blocks.errors import Invalid
from blocks.git.submodules import resolved

BASE = "https://git.example.com/acme/app.git"


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        pytest.param(BASE, "https://other.example.com/x.git", "https://other.example.com/x.git", id="absolute"),
        pytest.param(BASE, "../lib.git", "https://git.example.com/acme/lib.git", id="beside"),
        pytest.param(BASE, "../../team/lib.git", "https://git.example.com/team/lib.git", id="elsewhere"),
        pytest.param(BASE, "./lib", "https://git.example.com/acme/app.git/lib", id="below"),
        pytest.param("git@git.example.com:acme/app.git", "../lib.git", "git@git.example.com:acme/lib.git", id="scp"),
        pytest.param("ssh://git@h:22/acme/app", "../lib", "ssh://git@h:22/acme/lib", id="ssh"),
    ],
)
def test_relative_urls_begin_at_the_repository(base, url, expected):
    """As Git resolves them; others are as they are."""
    assert resolved(base, url) == expected


def test_a_url_above_the_host_is_refused():
    """It could be anybody's."""
    with pytest.raises(Invalid, match="leads above"):
        resolved(BASE, "../../../x")
