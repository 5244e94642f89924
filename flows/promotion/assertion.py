"""Who somebody is, as the gateway vouches for it: a signed assertion about one answer to one question of one run.

The assertion is a compact JWS (a JWT), signed HS256 or EdDSA as the key says. Its claims:

    aud        "drayage"
    sub        who it is, the same for ever; required
    run        id of the flow run that asks; required
    question   the key under which Prefect keeps the answer, `run_input_keyset["response"]` of the run's state; required
    iat, exp   when it was signed and until when it is good, at most an hour later; required
    name, email, groups, roles, …   what else is known; any claim can be asked for
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from blocks.identity_key import IdentityKey
from flows.promotion.identity import Identity

Json = dict[str, Any]

AUDIENCE = "drayage"
LONGEST = 16 * 1024
"""Characters of an assertion."""

LONGEST_LIFE = 3_600
"""Seconds between `iat` and `exp`."""

CLOCKS_APART = 30
"""Seconds by which the clocks of who signs and of Prefect's server may differ."""

REQUIRED = ("sub", "aud", "run", "question", "iat", "exp")


@dataclass(frozen=True)
class Unproven:
    """An assertion that proves nothing, and why."""

    sentence: str


def proven(token: str, key: IdentityKey | None, run: str, question: str, at: datetime) -> Identity | Unproven:
    """Check an assertion that came with an answer: `at` is when Prefect took the answer, `run` and `question` which.

    Nothing in the assertion decides how it is checked.
    """
    if key is None:
        return Unproven("an identity was asserted, but no key is set to check it: see DRAYAGE_IDENTITY_KEY_FILE")
    if len(token) > LONGEST:
        return Unproven(f"the assertion of identity has more than {LONGEST} characters")
    # Times are compared with when the answer came: the run may look at it much later.
    options: Any = {"require": list(REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(token, key.key, algorithms=[key.algorithm], audience=AUDIENCE, options=options)
    except jwt.InvalidSignatureError:
        return Unproven("the assertion of identity was not signed with our key")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        return Unproven(f"the assertion of identity is not one of ours ({type(error).__name__})")
    reason = _elsewhere(claims, run, question) or _untimely(claims, at.timestamp())
    return Unproven(reason) if reason else Identity(claims["sub"], claims)


def _elsewhere(claims: Json, run: str, question: str) -> str:
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        return "the assertion of identity names nobody"
    if claims["run"] != run:
        return "the assertion of identity is for another run"
    return "" if claims["question"] == question else "the assertion of identity is for another question of this run"


def _untimely(claims: Json, at: float) -> str:
    begins, ends = claims["iat"], claims["exp"]
    if not all(isinstance(each, int | float) for each in (begins, ends)) or not 0 <= ends - begins <= LONGEST_LIFE:
        return f"the assertion of identity is good for longer than {LONGEST_LIFE} seconds"
    if at < begins - CLOCKS_APART:
        return "the assertion of identity is from the future"
    return "the assertion of identity had expired when it came: answer again" if at > ends + CLOCKS_APART else ""
