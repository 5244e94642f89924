"""The kinds of repository credentials by the keys a Secret holds, and what is wrong with one before it is used.

Sentences say what a key is, what it is to be and what to do, never what it holds. The keys are Kargo's; `knownHosts`
is ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from blocks.credential_exchange import ecr, github_app, google_artifact_registry
from blocks.credential_exchange.private_key import is_ssh_key, rsa_key
from blocks.credential_exchange.wanted import Exchange, Values
from blocks.errors import Invalid

Found = list[tuple[str, str]]
"""Keys and what is wrong with each."""

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Kind:
    """One kind: its keys, those of which one is enough, what each has to be, and what exchanges it.

    `marks` are the keys by which it is told from others. `early` is how long before its end a token is renewed, and
    `scope` what of a URL a token is for.
    """

    title: str
    cred_types: tuple[str, ...]
    marks: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    may: tuple[str, ...] = ()
    checks: Mapping[str, tuple[Check, str]] | None = None
    opens: Callable[[str], bool] = lambda url: True
    exchange: Exchange | None = None
    early: timedelta = timedelta()
    scope: Callable[[str], str] = lambda url: ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys it may have."""
        return (*(key for group in self.needs for key in group), *self.may)


IMAGES = ("image", "helm")
_NUMBER = (
    lambda text: text.strip().isascii() and text.strip().isdecimal(),
    "is no number, expected the one at the end of the installation's URL, correct it",
)

KINDS = (
    Kind("a user name and password", ("git", *IMAGES), ("username", "password"), (("password",),), may=("username",)),
    Kind(
        "an SSH key",
        ("git",),
        ("sshPrivateKey", "knownHosts"),
        (("sshPrivateKey",),),
        may=("knownHosts",),
        checks={
            "sshPrivateKey": (
                is_ssh_key,
                "is no private key, expected one in PEM or OpenSSH form without passphrase, paste the whole file",
            )
        },
    ),
    Kind(
        "a GitHub App",
        ("git",),
        ("githubAppClientID", "githubAppID", "githubAppInstallationID", "githubAppPrivateKey"),
        (("githubAppClientID", "githubAppID"), ("githubAppInstallationID",), ("githubAppPrivateKey",)),
        checks={
            "githubAppInstallationID": _NUMBER,
            "githubAppPrivateKey": (
                lambda text: rsa_key(text) is not None,
                "is no RSA key in PEM, expected the one GitHub generated for the App, paste the whole file",
            ),
        },
        opens=lambda url: github_app.repository(url) is not None,
        exchange=github_app.exchange,
        early=timedelta(minutes=5),
        scope=lambda url: url,
    ),
    Kind(
        "AWS access keys",
        IMAGES,
        ("awsRegion", "awsAccessKeyID", "awsSecretAccessKey"),
        (("awsRegion",), ("awsAccessKeyID",), ("awsSecretAccessKey",)),
        checks={
            "awsRegion": (
                lambda text: ecr.REGION.fullmatch(text.strip()) is not None,
                "is no region of AWS, expected one like eu-west-1, correct it",
            )
        },
        opens=lambda url: ecr.place(url) is not None,
        exchange=ecr.exchange,
        early=timedelta(minutes=10),
    ),
    Kind(
        "a Google service account's key",
        IMAGES,
        ("gcpServiceAccountKey",),
        (("gcpServiceAccountKey",),),
        checks={
            "gcpServiceAccountKey": (
                lambda text: google_artifact_registry.key_info(text) is not None,
                google_artifact_registry.WRONG_KEY,
            )
        },
        opens=google_artifact_registry.opens,
        exchange=google_artifact_registry.exchange,
        early=timedelta(minutes=10),
    ),
)

KEYS = tuple(dict.fromkeys(key for kind in KINDS for key in kind.keys))
"""All keys of all kinds."""


def kind_of(name: str, cred_type: str, values: Values) -> Kind:
    """Return the kind of credentials `name`. Raises Invalid when they are of no kind, of two, or lack a key."""
    kind, found = _kind(cred_type, values)
    if found or kind is None:
        raise unusable(name, found)
    return kind


def unusable(name: str, found: Found) -> Invalid:
    """Say that credentials cannot be used, and the first reason."""
    key, sentence = found[0]
    return Invalid(f"credentials {name!r} cannot be used: {key} {sentence}")


def problems(cred_type: str, values: Values) -> Found:
    """Return everything that is wrong with the keys of one Secret; a key without a text counts as absent."""
    kind, found = _kind(cred_type, values)
    return [*found, *(wrong(kind, values) if kind else [])]


def wrong(kind: Kind, values: Values) -> Found:
    """Return which keys do not hold what they are to hold. It parses keys, which takes tens of milliseconds."""
    checks = kind.checks or {}
    return [(key, said) for key, (right, said) in checks.items() if values.get(key) and not right(values[key])]


def _kind(cred_type: str, values: Values) -> tuple[Kind | None, Found]:
    """Tell the kind, None where that cannot be, and what is missing or too much."""
    given = {key: text for key, text in values.items() if text}
    kinds = [kind for kind in KINDS if any(key in given for key in kind.marks)]
    if not kinds:
        known = "; ".join(f"{', '.join(kind.marks)} ({kind.title})" for kind in KINDS if cred_type in kind.cred_types)
        return None, [("password", f"is missing, expected the keys of one kind of credentials, {known}, add them")]
    if len(kinds) > 1:
        titles = " and ".join(kind.title for kind in kinds)
        return None, [(_first(kinds[1], given), f"makes this {titles}, expected one of them, remove the others")]
    (kind,) = kinds
    if cred_type not in kind.cred_types:
        fitting = " or ".join(kind.cred_types)
        return None, [
            (_first(kind, given), f"belongs to {kind.title}, expected in credentials of type {fitting}, move it there")
        ]
    return kind, _missing(kind, given)


def _first(kind: Kind, given: Values) -> str:
    return next(key for key in kind.marks if key in given)


def _missing(kind: Kind, given: Values) -> Found:
    return [
        (group[0], f"is missing, expected {' or '.join(group)} for {kind.title}, add it")
        for group in kind.needs
        if not any(key in given for key in group)
    ]
