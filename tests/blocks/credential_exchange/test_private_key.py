"""Keys as people paste them, and texts that are none."""

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.credential_exchange.private_key import is_ssh_key, pem, rsa_key
from tests.servers.keys import rsa, rsa_pem, ssh_pem


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text, id="as-it-is"),
        pytest.param(lambda text: text.strip(), id="without-last-line-end"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="from-windows"),
        pytest.param(lambda text: text.replace("\n", ""), id="lines-joined"),
        pytest.param(lambda text: text.replace("\n", " "), id="lines-joined-by-spaces"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="escaped"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), id="base64"),
        pytest.param(lambda text: base64.encodebytes(text.encode()).decode(), id="base64-in-lines"),
    ],
)
def test_forms_of_a_key(change, tmp_path):
    """All come to the same key, which ssh reads too."""
    assert rsa_key(change(rsa_pem())).private_numbers() == rsa(0).private_numbers()
    assert is_ssh_key(change(ssh_pem()))
    file = tmp_path / "key"
    file.write_text(pem(change(ssh_pem())))
    file.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", file], capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("ssh-ed25519 "), done.stderr


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("hunter2", id="password"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----", id="half"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", id="nothing-in-it"),
        pytest.param(rsa_pem(0, "passphrase"), id="rsa-passphrase"),
        pytest.param(ssh_pem("passphrase"), id="ssh-passphrase"),
    ],
)
def test_what_is_no_key(text):
    """Neither for an App nor for ssh; one with a passphrase waits for a person who is not there."""
    assert rsa_key(text) is None
    assert not is_ssh_key(text)


def test_a_key_of_another_kind_is_none_of_an_app():
    """GitHub's are RSA."""
    assert rsa_key(ssh_pem()) is None


@given(st.one_of(st.text(), st.binary().map(lambda data: base64.b64encode(data).decode())))
def test_any_text_is_judged(text):
    """Nothing that somebody pastes raises."""
    for whole in (text, f"-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----"):
        assert rsa_key(whole) is None
        assert not is_ssh_key(whole)
