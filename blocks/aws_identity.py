"""Who we are for AWS: keys that are given, or what this machine is, and the role it takes. Blocks: for threads."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from blocks.errors import Invalid, Unauthorized, Unavailable

CALL = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
KEYS = ("accessKeyID", "secretAccessKey", "sessionToken")
"""What a Secret with AWS keys holds; the last only for keys that expire."""


def session(region: str, profile: str = "", role_arn: str = "", keys: Mapping[str, str] | None = None) -> Any:
    """Return a botocore session with credentials: the `keys` of a Secret, or without any those of this machine.

    `role_arn` is a role to assume with them; its credentials renew themselves. Raises Invalid and Unauthorized.
    """
    given = tuple((keys or {}).get(name, "") for name in KEYS)
    if keys is not None and not all(given[:2]):
        raise Invalid(f"the Secret with AWS keys lacks {KEYS[0]!r} or {KEYS[1]!r}: add what is missing")
    return _session(region, profile, role_arn, given)


@lru_cache(maxsize=64)
def _session(region: str, profile: str, role_arn: str, keys: tuple[str, ...]) -> Any:
    try:
        made = botocore.session.Session(profile=profile or None)
        if region:
            made.set_config_variable("region", region)
        if keys[0]:
            made.set_credentials(keys[0], keys[1], keys[2] or None)
        if made.get_credentials() is None:
            raise Unauthorized("this machine has no AWS identity: give it one, or name a Secret with keys")
        if role_arn:
            _assume(made, role_arn)
    except BotoCoreError as error:
        raise Invalid(f"the AWS settings of a metric cannot be used: {error}") from None
    return made


def _assume(made: Any, role_arn: str) -> None:
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=made.create_client,
        source_credentials=made.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": "drayage"},
    )
    made._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def signed_headers(
    made: Any, service: str, method: str, url: str, headers: Mapping[str, str], body: bytes, region: str = ""
) -> dict[str, str]:
    """Return the headers of a request with AWS' signature (version 4) among them.

    Raises Invalid without a region, Unauthorized where the role may not be assumed, Unavailable when AWS is away.
    """
    where = region or made.get_config_variable("region")
    if not where:
        raise Invalid("no AWS region is known: say it in the metric's sigv4.region")
    asked = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    try:
        frozen = made.get_credentials().get_frozen_credentials()
        SigV4Auth(Credentials(frozen.access_key, frozen.secret_key, frozen.token), service, where).add_auth(asked)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise Unauthorized(f"AWS does not let this identity sign ({code}): check roleArn of the metric") from None
    except BotoCoreError as error:
        raise Unavailable(f"AWS gave no credentials ({type(error).__name__}); it may do so later") from None
    return dict(asked.headers.items())
