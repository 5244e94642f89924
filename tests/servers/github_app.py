"""GitHub's side of Apps: it looks at the signature, the claim and what is asked for, and issues tokens."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.servers.recording import Answer, Asked

TOKEN = "ghs-token"
"""How tokens begin; their number follows."""


@dataclass
class GitHub:
    """What GitHub knows: the keys of its Apps, and which repositories an installation holds.

    `issued` has the repository of each token, `opened` the tokens that Git came with.
    """

    clock: Callable[[], datetime]
    keys: dict[str, RSAPrivateKey]
    installations: dict[str, set[str]] = field(default_factory=lambda: {"42": {"web", "config"}})
    host: str = ""
    broken: Answer | None = None
    issued: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> set[str]:
        """What was given out."""
        return {f"{TOKEN}-{number + 1}" for number in range(len(self.issued))}

    def answer(self, asked: Asked) -> Answer:
        """Issue a token for who proves to be the App, for repositories of the installation; Git finds them empty."""
        said = {"date": format_datetime(self.clock(), usegmt=True)}
        if self.broken:
            return self.broken[0], said | self.broken[1], self.broken[2]
        authorization = asked.headers.get("authorization", "")
        *path, installation, last = asked.path.split("/")
        if (path, last) != (["", "api", "v3", "app", "installations"], "access_tokens"):
            return self._git(authorization, said)
        if not self._proven(authorization):
            return 401, said, {"message": "A JSON web token could not be decoded"}
        if installation not in self.installations:
            return 404, said, {"message": "Not Found"}
        assert asked.method == "POST"
        assert asked.headers["accept"] == "application/vnd.github+json"
        assert asked.json.keys() == {"repositories"}, "permissions are those of the installation"
        (name,) = asked.json["repositories"]
        if name not in self.installations[installation]:
            return 422, said, {"message": "There is at least one repository that does not exist"}
        self.issued.append(name)
        ends = (self.clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            201,
            said,
            {"token": f"{TOKEN}-{len(self.issued)}", "expires_at": ends, "permissions": {"contents": "read"}},
        )

    def _git(self, authorization: str, said: dict[str, str]) -> Answer:
        scheme, _, encoded = authorization.partition(" ")
        user, _, token = b64decode(encoded).decode().partition(":")
        if scheme != "Basic" or user != "x-access-token" or token not in self.tokens:
            return 401, said | {"www-authenticate": 'Basic realm="GitHub"'}, b""
        self.opened.append(token)
        return 404, said, b""

    def _proven(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        claim = jwt.decode(token, options={"verify_signature": False})
        key = self.keys[claim["iss"]].public_key()
        anytime = {"verify_exp": False, "verify_iat": False}
        try:
            claim = jwt.decode(token, key, algorithms=["RS256"], options=anytime)
        except jwt.InvalidTokenError:
            return False
        now = self.clock().timestamp()
        return (
            scheme == "Bearer"
            and claim["iat"] <= now < claim["exp"] <= now + 600
            and claim["exp"] - claim["iat"] <= 600
        )
