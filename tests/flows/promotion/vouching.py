"""The gateway's part: signing who somebody is."""

import jwt

from blocks.identity_key import identity_key
from tests.flows.promotion.workspace import START
from tests.servers.gateway import SECRET

KEY = identity_key(SECRET, "test")
RUN, QUESTION = "11111111-2222-3333-4444-555555555555", "suspended-approval-1-response"


def claims(subject="ann", at=START, **other):
    """What the gateway says of somebody at a time; None leaves a claim out."""
    begins = int(at.timestamp())
    said = {"aud": "drayage", "sub": subject, "run": RUN, "question": QUESTION, "iat": begins, "exp": begins + 300}
    return {name: value for name, value in (said | other).items() if value is not None}


def signed(subject="ann", at=START, key=SECRET, algorithm="HS256", **other):
    """Sign it."""
    return jwt.encode(claims(subject, at, **other), key, algorithm=algorithm)
