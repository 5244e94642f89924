"""Secrets become encrypted blocks, and their values reach no message and no repr."""

import base64

import pytest

from deployments.manifests.load import load
from tests.deployments.manifests.report import PROJECT, loaded, report

VALUE = "hunter2"
HEAD = """---
apiVersion: v1
kind: Secret
metadata:
  name: repo
  namespace: demo
  labels: {kargo.akuity.io/cred-type: %s}
"""


def _secret(cred_type, body):
    return PROJECT + HEAD % cred_type + body


def test_repository_credentials():
    """`data` is decoded, and what stands in stringData wins."""
    encoded = base64.b64encode(b"https://git.example/acme").decode()
    text = _secret(
        "git",
        f"type: Opaque\ndata: {{repoURL: {encoded}, username: eA==}}\n"
        f"stringData: {{repoURLIsRegex: 'true', username: me, password: {VALUE}}}\n",
    )
    (secret,) = loaded(text).secrets
    assert (secret.project, secret.name, secret.cred_type) == ("demo", "repo", "git")
    assert (secret.repo_url, secret.repo_url_is_regex, secret.username) == ("https://git.example/acme", True, "me")
    assert secret.password.get_secret_value() == VALUE


def test_generic_secrets():
    """Any keys, all of them hidden; an empty value is an empty text."""
    (secret,) = loaded(_secret("generic", f"stringData: {{token: {VALUE}, empty: }}\n")).secrets
    assert {key: value.get_secret_value() for key, value in secret.values.items()} == {"token": VALUE, "empty": ""}


def test_shared_credentials_need_no_project():
    """Kargo's namespace of shared resources belongs to no Project."""
    text = (HEAD % "generic").replace("namespace: demo", "namespace: kargo-shared-resources")
    assert [secret.project for secret in loaded(text + "stringData: {a: b}\n").secrets] == ["kargo-shared-resources"]


def test_values_stay_out_of_reprs():
    """Neither the manifests nor their parts show a value, the URL included."""
    text = _secret("git", f"stringData: {{repoURL: https://{VALUE}.example, username: {VALUE}, password: {VALUE}}}\n")
    manifests = loaded(text)
    assert VALUE not in repr(manifests)
    assert VALUE not in repr(manifests.secrets[0])
    assert [definition.kind for definition in manifests.definitions] == ["Project"]


@pytest.mark.parametrize(
    ("cred_type", "body", "expected"),
    [
        pytest.param(
            "ssh",
            f"stringData: {{a: {VALUE}}}\n",
            [
                "10: metadata.labels['kargo.akuity.io/cred-type']: "
                "is none of git, helm, image, generic, expected one of them, set the label"
            ],
            id="cred-type",
        ),
        pytest.param(
            "git",
            f"stringData:\n  password: {VALUE}\n  pasword: {VALUE}\n",
            [
                "11: stringData.repoURL: is missing, expected for repository credentials, add it",
                "11: stringData.username: is missing, expected for repository credentials, add it",
                "13: stringData.pasword: is no key of repository credentials, "
                "expected only repoURL, repoURLIsRegex, username, password, remove it",
            ],
            id="keys",
        ),
        pytest.param(
            "git",
            f"stringData: {{repoURL: x, sshPrivateKey: {VALUE}}}\n",
            ["11: stringData: SSH keys are not available yet; use username and password"],
            id="not-yet",
        ),
        pytest.param(
            "generic",
            f"data: {{a: {VALUE}-, b: 5}}\nstringData: {{c: 5}}\n",
            [
                "11: data.a: is not base64 of UTF-8 text, expected that, encode it or move it to stringData",
                "11: data.b: is not base64 of UTF-8 text, expected that, encode it or move it to stringData",
                "12: stringData.c: is no string, expected one, put it in quotes",
            ],
            id="values",
        ),
        pytest.param(
            "generic",
            f"stringData: {VALUE}\n",
            ["11: stringData: is no mapping, expected keys with values, write 'key: value' lines"],
            id="no-mapping",
        ),
        pytest.param(
            "image",
            f"stringData: {{repoURL: '{VALUE}(', repoURLIsRegex: 'true', username: u, password: {VALUE}}}\n",
            ["11: stringData.repoURL: is no RE2 regular expression, expected one, correct it"],
            id="pattern",
        ),
        pytest.param(
            "generic",
            f"stringDta: {{a: {VALUE}}}\n",
            [
                "11: stringDta: is no field here, expected one of "
                "apiVersion, kind, metadata, status, data, stringData, type, immutable, remove it"
            ],
            id="unknown-key",
        ),
        pytest.param(
            "generic",
            f"stringData: {{a: {VALUE}, a: {VALUE}}}\n",
            ["11: stringData.a: is given twice, first on line 11, expected once, remove one of them"],
            id="key-twice",
        ),
    ],
)
def test_problems_name_keys_and_never_values(cred_type, body, expected):
    """What is wrong is said without the value that is wrong."""
    lines = report(_secret(cred_type, body))
    prefix = "stdin:{}: document 2 (Secret/repo): {}"
    assert lines == [prefix.format(*line.split(": ", 1)) for line in expected]
    assert VALUE not in "\n".join(lines)


def test_a_value_in_the_wrong_place_is_not_shown():
    """Nor is one that slipped into the metadata."""
    text = _secret("generic", "stringData: {a: b}\n").replace("name: repo", f"name: [{VALUE}]")
    lines = report(text)
    assert lines
    assert VALUE not in "\n".join(lines)


def test_the_last_applied_annotation_is_dropped(tmp_path):
    """kubectl's copy of an earlier manifest does not reach the ledger."""
    file = tmp_path / "project.yaml"
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    file.write_text(PROJECT.replace("{name: demo}", f"{{name: demo, annotations: {{{annotation}: {VALUE}, a: b}}}}"))
    (definition,) = load([str(file)], []).definitions
    assert definition.manifest["metadata"] == {"name": "demo", "annotations": {"a": "b"}}
