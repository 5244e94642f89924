"""Freight in words."""

import pytest

from flows.freight.describe import one_line, versions


@pytest.mark.parametrize(
    ("chart", "where", "said"),
    [
        ({"repoURL": "https://charts.example.com", "name": "app"}, "https://charts.example.com/app", "app:1.0.0"),
        ({"repoURL": "https://charts.example.com/", "name": "app"}, "https://charts.example.com/app", "app:1.0.0"),
        ({"repoURL": "oci://ghcr.io/acme/app"}, "oci://ghcr.io/acme/app", "app:1.0.0"),
    ],
    ids=["http", "slash", "oci"],
)
def test_charts(chart, where, said):
    """A chart is known by its repository and name, and shown by its name."""
    content = {"charts": [chart | {"version": "1.0.0"}]}
    assert versions(content) == {where: "1.0.0"}
    assert one_line(content) == said
