"""Freight creation criteria over discovered artifacts."""

import pytest

from flows.freight.criteria import criteria_satisfied

DISCOVERED = {
    "git": [
        {
            "repoURL": "https://git.example.com/acme/config.git",
            "commits": [{"id": "3f78", "tag": "v1.2.3", "subject": "fix", "creatorDate": "2025-06-01T12:00:00Z"}],
        }
    ],
    "images": [
        {"repoURL": "ghcr.io/acme/app", "references": [{"tag": "1.2.3", "digest": "sha256:01"}]},
        {"repoURL": "ghcr.io/acme/none", "references": []},
    ],
    "charts": [
        {"repoURL": "https://charts.example.com", "name": "app", "versions": ["0.4.1", "0.4.0"]},
        {"repoURL": "oci://ghcr.io/acme/chart", "versions": ["0.5.0"]},
    ],
}


@pytest.mark.parametrize(
    ("expression", "satisfied"),
    [
        pytest.param("imageFrom('ghcr.io/acme/app').Tag == '1.2.3'", True, id="image"),
        pytest.param("imageFrom('GHCR.io/acme/app:latest').Digest == 'sha256:01'", True, id="image-normalised"),
        pytest.param("imageFrom('ghcr.io/acme/app').Annotations['x'] == nil", True, id="no-annotations"),
        pytest.param("imageFrom('ghcr.io/acme/other') == nil", True, id="unknown"),
        pytest.param("imageFrom('ghcr.io/acme/none') == nil", True, id="nothing-found"),
        pytest.param("commitFrom('https://git.example.com/acme/config').Tag == 'v1.2.4'", False, id="commit"),
        pytest.param("commitFrom('https://git.example.com/acme/config').Branch == ''", True, id="no-branch"),
        pytest.param(
            "commitFrom('https://git.example.com/acme/config').CreatorDate.Year() == 2025", True, id="creator-date"
        ),
        pytest.param("chartFrom('https://charts.example.com', 'app').Version == '0.4.1'", True, id="http-chart"),
        pytest.param("chartFrom('oci://ghcr.io/acme/chart').Version == '0.5.0'", True, id="oci-chart"),
        pytest.param("chartFrom('https://charts.example.com').Version == '0.4.1'", True, id="chart-of-any-name"),
        pytest.param("chartFrom('https://charts.example.com', 'db') == nil", True, id="chart-of-another-name"),
        pytest.param(
            "'v' + imageFrom('ghcr.io/acme/app').Tag == commitFrom('https://git.example.com/acme/config').Tag",
            True,
            id="same-version",
        ),
        pytest.param("'true'", True, id="text"),
        pytest.param("0", False, id="number"),
    ],
)
def test_criteria(expression, satisfied):
    """The expression decides, and the verdict says so."""
    verdict = criteria_satisfied(expression, DISCOVERED)
    assert (verdict.satisfied, verdict.error) == (satisfied, False)
    assert repr(expression) in verdict.sentence


@pytest.mark.parametrize(
    "expression",
    ["imageFrom('ghcr.io/acme/other').Tag == '1'", "1 +", "'perhaps'", "imageFrom()", "2", "nil", "chartFrom(1)"],
)
def test_criteria_that_cannot_be_evaluated(expression):
    """An expression that fails or does not say yes or no is an error, never a yes."""
    verdict = criteria_satisfied(expression, DISCOVERED)
    assert (verdict.satisfied, verdict.error) == (False, True)
    assert verdict.sentence.startswith("freightCreationCriteria cannot be evaluated: ")
