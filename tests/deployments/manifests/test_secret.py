"""Secrets become encrypted blocks, and their values reach no message and no repr."""

import base64
import json

import pytest

from blocks.credential_exchange.kinds import KEYS
from deployments.keep_secrets import as_block
from deployments.manifests.load import load
from tests.deployments.manifests.report import PROJECT, loaded, report
from tests.servers.keys import google_key, rsa_pem, ssh_pem

VALUE = "hunter2"
HEAD = """---
apiVersion: v1
kind: Secret
metadata:
  name: repo
  namespace: demo
  labels: {kargo.akuity.io/cred-type: %s}
"""


def encoded(text):
    """Base64, as `data` wants it."""
    return base64.b64encode(text.encode()).decode()


def _secret(cred_type, body):
    return PROJECT + HEAD % cred_type + body


def test_repository_credentials():
    """`data` is decoded, and what stands in stringData wins."""
    text = _secret(
        "git",
        f"type: Opaque\ndata: {{repoURL: {encoded('https://git.example/acme')}, username: eA==}}\n"
        f"stringData: {{repoURLIsRegex: 'true', username: me, password: {VALUE}}}\n",
    )
    (secret,) = loaded(text).secrets
    assert (secret.project, secret.name, secret.cred_type) == ("demo", "repo", "git")
    block = as_block(secret)
    assert (block.repo_url, block.repo_url_is_regex, block.username) == ("https://git.example/acme", True, "me")
    assert block.values() == {"username": "me", "password": VALUE}


def test_generic_secrets():
    """Any keys, all of them hidden; an empty value is an empty text."""
    (secret,) = loaded(_secret("generic", f"stringData: {{token: {VALUE}, empty: }}\n")).secrets
    assert {key: value.get_secret_value() for key, value in secret.values.items()} == {"token": VALUE, "empty": ""}


def test_shared_credentials_need_no_project():
    """Kargo's namespace of shared resources belongs to no Project."""
    text = (HEAD % "generic").replace("namespace: demo", "namespace: kargo-shared-resources")
    assert [secret.project for secret in loaded(text + "stringData: {a: b}\n").secrets] == ["kargo-shared-resources"]


def test_the_installations_secrets_need_neither_project_nor_label():
    """Kargo's namespace of system resources holds Secrets alone, and no Project can take its name."""
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: git, namespace: kargo-system-resources}\n"
    (found,) = loaded(secret + "stringData: {signingKey: a}\n").secrets
    assert (found.project, found.cred_type) == ("kargo-system-resources", "generic")
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: kargo-system-resources}\ndata: {a: b}\n"
    assert "Project 'kargo-system-resources'" in report(config)[0]
    for name in ("kargo-system-resources", "kargo-shared-resources"):
        (said,) = report(PROJECT.replace("demo", name))
        assert "is for Secrets that belong to no project" in said


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
                f"13: stringData.pasword: is no key of repository credentials, "
                f"expected only {', '.join(('repoURL', 'repoURLIsRegex', *KEYS))}, remove it",
            ],
            id="keys",
        ),
        pytest.param(
            "image",
            f"stringData: {{repoURL: x, repoURLIsRegex: {VALUE!r}}}\n",
            [
                "11: stringData.password: is missing, expected the keys of one kind of credentials, "
                "username, password (a user name and password); "
                "awsRegion, awsAccessKeyID, awsSecretAccessKey (AWS access keys); "
                "gcpServiceAccountKey (a Google service account's key), add them"
            ],
            id="no-kind",
        ),
        pytest.param(
            "git",
            f"stringData: {{repoURL: x, password: {VALUE}}}\ndata: {{sshPrivateKey: {encoded(VALUE)}}}\n",
            [
                "12: data.sshPrivateKey: makes this a user name and password and an SSH key, "
                "expected one of them, remove the others"
            ],
            id="two-kinds",
        ),
        pytest.param(
            "image",
            f"stringData: {{repoURL: x, sshPrivateKey: {VALUE}}}\n",
            ["11: stringData.sshPrivateKey: belongs to an SSH key, expected in credentials of type git, move it there"],
            id="wrong-type",
        ),
        pytest.param(
            "git",
            f"stringData: {{repoURL: x, sshPrivateKey: {VALUE}}}\n",
            [
                "11: stringData.sshPrivateKey: is no private key, "
                "expected one in PEM or OpenSSH form without passphrase, paste the whole file"
            ],
            id="ssh-key",
        ),
        pytest.param(
            "git",
            f"stringData: {{repoURL: x, githubAppInstallationID: {VALUE}}}\n"
            f"data: {{githubAppPrivateKey: {encoded(VALUE)}}}\n",
            [
                "11: stringData.githubAppClientID: is missing, "
                "expected githubAppClientID or githubAppID for a GitHub App, add it",
                "11: stringData.githubAppInstallationID: is no number, "
                "expected the one at the end of the installation's URL, correct it",
                "12: data.githubAppPrivateKey: is no RSA key in PEM, "
                "expected the one GitHub generated for the App, paste the whole file",
            ],
            id="github-app",
        ),
        pytest.param(
            "image",
            f"stringData: {{repoURL: x, awsRegion: {VALUE}, awsSecretAccessKey: {VALUE}}}\n",
            [
                "11: stringData.awsAccessKeyID: is missing, expected awsAccessKeyID for AWS access keys, add it",
                "11: stringData.awsRegion: is no region of AWS, expected one like eu-west-1, correct it",
            ],
            id="aws",
        ),
        pytest.param(
            "helm",
            f"stringData: {{repoURL: x, gcpServiceAccountKey: {encoded(VALUE)}}}\n",
            [
                "11: stringData.gcpServiceAccountKey: is no key of a service account, "
                "expected base64 of the JSON file that Google made, paste that"
            ],
            id="google",
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


@pytest.mark.parametrize(
    ("cred_type", "values"),
    [
        pytest.param("git", {"password": "a-token"}, id="token-alone"),
        pytest.param("git", {"sshPrivateKey": ssh_pem(), "knownHosts": "git.example ssh-ed25519 AAAA"}, id="ssh"),
        pytest.param(
            "git",
            {"githubAppClientID": "Iv1", "githubAppInstallationID": "5", "githubAppPrivateKey": rsa_pem()},
            id="github-app",
        ),
        pytest.param(
            "git",
            {"githubAppID": "7", "githubAppInstallationID": "5", "githubAppPrivateKey": encoded(rsa_pem())},
            id="github-app-of-old",
        ),
        pytest.param(
            "image", {"awsRegion": "eu-west-1", "awsAccessKeyID": "AKIA", "awsSecretAccessKey": VALUE}, id="aws"
        ),
        pytest.param("helm", {"gcpServiceAccountKey": encoded(google_key())}, id="google"),
    ],
)
def test_every_kind_is_taken_as_it_is(cred_type, values):
    """What a Secret holds is in its block, whichever kind it is, and in no repr."""
    text = "stringData:\n" + "".join(f"  {key}: {json.dumps(text)}\n" for key, text in values.items())
    (secret,) = loaded(_secret(cred_type, text + "  repoURL: https://git.example/a\n")).secrets
    block = as_block(secret)
    assert block.values() == values
    for key in ("password", "sshPrivateKey", "githubAppPrivateKey", "awsSecretAccessKey", "gcpServiceAccountKey"):
        assert key not in values or values[key] not in repr(block) + repr(secret)


def test_the_repositories_of_an_app_are_read():
    """The annotation is kept as it is written, and refused where it is when it cannot be read."""
    body = f"stringData: {{repoURL: x, password: {VALUE}}}\n"
    annotated = "  name: repo\n  annotations:\n    kargo.akuity.io/github-token-scopes: '%s'\n"
    good = _secret("git", body).replace("  name: repo\n", annotated)
    (secret,) = loaded(good % '{"demo": ["a"]}').secrets
    assert as_block(secret).github_token_scopes == '{"demo": ["a"]}'
    (problem,) = report(good % '["a"]')
    assert problem == (
        "stdin:10: document 2 (Secret/repo): metadata.annotations['kargo.akuity.io/github-token-scopes']: "
        'is no JSON of projects with their repositories, expected {"project": ["repository"]}, correct it'
    )
