"""Assertions of identity: what proves somebody, and what is refused and why."""

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blocks.errors import Invalid, NotFound
from blocks.identity_key import identity_key, read_identity_key
from flows.promotion.assertion import LONGEST, Unproven, proven
from flows.promotion.identity import Identity
from tests.flows.promotion.vouching import KEY, QUESTION, RUN, claims, signed
from tests.flows.promotion.workspace import START
from tests.servers.gateway import SECRET

PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
PUBLIC = identity_key(PEM, "test")
LATER = START + timedelta(seconds=200)


def unsigned():
    """An assertion that says of itself that it needs no signature."""
    return jwt.encode(claims(), None, algorithm="none")


@pytest.mark.parametrize(
    ("token", "key"),
    [
        pytest.param(signed(groups=["sre"], email="ann@example.com"), KEY, id="HS256"),
        pytest.param(
            signed(key=PRIVATE, algorithm="EdDSA", groups=["sre"], email="ann@example.com"), PUBLIC, id="EdDSA"
        ),
    ],
)
def test_who_is_vouched_for(token, key):
    """With all that was said of them."""
    who = proven(token, key, RUN, QUESTION, LATER)
    assert isinstance(who, Identity)
    assert (who.subject, who.actor) == ("ann", "email:ann@example.com")
    assert who.has("groups", "sre")
    assert not who.has("groups", "s")
    assert not who.has("team", "None")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param(
            signed(key=b"another secret of more than 32 bytes, of a forger"), "not signed with our key", id="forged"
        ),
        pytest.param(signed()[:-4] + "AAAA", "not signed with our key", id="changed"),
        pytest.param(unsigned(), "not one of ours", id="unsigned"),
        pytest.param(signed(algorithm="HS512"), "not one of ours", id="other-algorithm"),
        pytest.param("no.jws", "not one of ours", id="none"),
        pytest.param("x" * (LONGEST + 1), "more than", id="huge"),
        pytest.param(signed(aud="other"), "not one of ours", id="for-another-program"),
        pytest.param(signed(run="99999999-2222-3333-4444-555555555555"), "for another run", id="another-run"),
        pytest.param(signed(question="suspended-step-0-1-response"), "another question", id="another-question"),
        pytest.param(signed(at=START - timedelta(hours=1)), "expired", id="expired"),
        pytest.param(signed(at=START + timedelta(hours=1)), "from the future", id="future"),
        pytest.param(signed(exp=int(START.timestamp()) + 90_000), "longer than", id="good-for-too-long"),
        pytest.param(signed(exp=int(START.timestamp()) - 90_000), "longer than", id="ends-before-it-begins"),
        *(
            pytest.param(signed(**{each: None}), "not one of ours", id=f"without-{each}")
            for each in ("aud", "sub", "run", "question", "iat", "exp")
        ),
        pytest.param(signed(subject=""), "names nobody", id="empty-subject"),
    ],
)
def test_who_is_not(token, why):
    """Each with the reason."""
    refused = proven(token, KEY, RUN, QUESTION, LATER)
    assert isinstance(refused, Unproven)
    assert why in refused.sentence


def test_a_public_key_is_no_secret():
    """Whoever knows the public key cannot sign with it (algorithm confusion)."""
    import hashlib
    import hmac
    from base64 import urlsafe_b64encode

    head, body, _ = signed(key=PRIVATE, algorithm="EdDSA").split(".")
    head = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    mac = urlsafe_b64encode(hmac.digest(PEM.strip(), f"{head}.{body}".encode(), hashlib.sha256)).rstrip(b"=").decode()
    refused = proven(f"{head}.{body}.{mac}", PUBLIC, RUN, QUESTION, LATER)
    assert isinstance(refused, Unproven)


def test_without_a_key_nothing_is_proven():
    """And it is said what to set."""
    refused = proven(signed(), None, RUN, QUESTION, LATER)
    assert "DRAYAGE_IDENTITY_KEY_FILE" in refused.sentence


OTHER = ec.generate_private_key(ec.SECP256R1()).public_key()
OTHER_PEM = OTHER.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
PRIVATE_PEM = PRIVATE.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", OTHER_PEM, PRIVATE_PEM],
    ids=["empty", "short", "broken", "no-ed25519", "private"],
)
def test_bad_keys(content):
    """What is no key is refused without a word of it."""
    with pytest.raises(Invalid) as refused:
        identity_key(content, "here")
    assert not content or content.decode() not in str(refused.value)


async def test_the_key_is_read_anew(tmp_path):
    """So that another one counts at once; without one there is none."""
    path = tmp_path / "key"
    assert await read_identity_key(None) is None
    with pytest.raises(NotFound, match="cannot be read"):
        await read_identity_key(path)
    path.write_bytes(SECRET + b"\n")
    assert (await read_identity_key(path)).algorithm == "HS256"
    path.write_bytes(PEM)
    assert (await read_identity_key(path)).algorithm == "EdDSA"
    assert SECRET.decode() not in repr(KEY)
