"""Loads manifests written in a test and returns the report as lines."""

from io import BytesIO
from textwrap import dedent

from deployments.manifests.load import load
from deployments.manifests.problem import ManifestError

PROJECT = """\
apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata: {name: demo}
"""

WAREHOUSE = """\
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata: {name: main, namespace: demo}
spec:
  subscriptions:
  - image: {repoURL: ghcr.io/acme/app, constraint: ^1.0.0}
"""


def loaded(text, existing=(), prune=False):
    """Load what stands on standard input."""
    return load(["-"], list(existing), prune=prune, stdin=BytesIO(dedent(text).encode()))


def report(text, existing=(), prune=False):
    """The problems of what stands on standard input, one line each; empty when there are none."""
    try:
        loaded(text, existing, prune)
    except ManifestError as error:
        heading, *lines = str(error).splitlines()
        assert heading.startswith(f"{len(lines)} problem")
        return lines
    return []
