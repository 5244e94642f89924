"""What the Kubernetes API says about itself: version, groups, resources."""

from typing import Any

GROUP = "argoproj.io"
PREFERRED = {"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"}
API_GROUP = {"name": GROUP, "versions": [PREFERRED], "preferredVersion": PREFERRED}
APPLICATIONS = {
    "name": "applications",
    "singularName": "application",
    "namespaced": True,
    "kind": "Application",
    "shortNames": ["app", "apps"],
    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
}

DOCUMENTS: dict[str, dict[str, Any]] = {
    "/version": {
        "major": "1",
        "minor": "33",
        "gitVersion": "v1.33.0+sandbox",
        "gitCommit": "sandbox",
        "gitTreeState": "clean",
        "buildDate": "2025-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "linux/amd64",
    },
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [API_GROUP]},
    "/apis/argoproj.io": {"kind": "APIGroup", "apiVersion": "v1", **API_GROUP},
    "/apis/argoproj.io/v1alpha1": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "argoproj.io/v1alpha1",
        "resources": [APPLICATIONS],
    },
}
"""Fixed answers by path."""


def kubeconfig(url: str, token: str | None = None) -> dict[str, Any]:
    """Build the kubeconfig that reaches the sandbox's API; write it as YAML or give it to the Python client."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": {"server": url}}],
        "users": [{"name": "sandbox", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "argocd"}}],
    }
