"""Calls to AWS with its own library, which blocks: for threads. Imported when first needed, for it is large.

Given keys are used alone: no profile, file or role of this machine mixes in.
"""

import base64
import binascii
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from blocks.credential_exchange.aws_errors import aws_error, is_denied
from blocks.credential_exchange.wanted import Site, Token
from blocks.errors import BadAnswer, DrayageError

log = logging.getLogger("drayage")

CALL = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""Settings of botocore that keep profiles and files of this machine out."""

KEYS_REMEDY = "check awsAccessKeyID and awsSecretAccessKey, and that they may call ecr:GetAuthorizationToken"
ROLE_REMEDY = (
    "let the role of this machine call ecr:GetAuthorizationToken or assume the project's role, or apply a Secret"
)

Client = Callable[[str], Any]
"""Makes the client of one AWS service."""


def with_keys(keys: Mapping[str, str], region: str, site: Site, what: str) -> Token:
    """Ask for a password with access keys, named as boto3 names them."""
    try:
        return _password(_clients(_session(keys), region, site), what)
    except (BotoCoreError, ClientError) as error:
        raise aws_error(error, what, KEYS_REMEDY) from None


def as_role(project: str, account: str, region: str, site: Site, what: str) -> Token:
    """Ask for a password as the first role that AWS allows: the project's in the account or in ours, else our own."""
    try:
        return _as_first_allowed(_clients(boto3.Session(), region, site), project, account, region, site, what)
    except (BotoCoreError, ClientError) as error:
        raise aws_error(error, what, ROLE_REMEDY) from None


def _as_first_allowed(own: Client, project: str, account: str, region: str, site: Site, what: str) -> Token:
    for role in _roles(own, project, account):
        try:
            token = _password(_assumed(own, role, project, region, site), what)
        except ClientError as error:
            if not is_denied(error):
                raise
            log.debug("project %s: AWS denies %s", project, role)
        else:
            log.info("project %s: ECR of account %s is opened as %s", project, account, role)
            return token
    token = _password(own, what)
    log.info("project %s: ECR of account %s is opened as this machine's own role", project, account)
    return token


def _roles(own: Client, project: str, account: str) -> Iterator[str]:
    """The project's role in the registry's account, then in our own."""
    mine = own("sts").get_caller_identity()
    partition = str(mine["Arn"]).split(":")[1]
    for each in dict.fromkeys((account, str(mine["Account"]))):
        yield f"arn:{partition}:iam::{each}:role/kargo-project-{project}"


def _assumed(own: Client, role: str, project: str, region: str, site: Site) -> Client:
    answer = own("sts").assume_role(RoleArn=role, RoleSessionName=f"drayage-{project}"[:64])["Credentials"]
    keys = {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }
    return _clients(_session(keys), region, site)


def _session(keys: Mapping[str, str]) -> boto3.Session:
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=NO_FILES), **keys)


def _clients(session: boto3.Session, region: str, site: Site) -> Client:
    """Return what makes clients of a session; `AWS_ENDPOINT_URL` and its kin say where else AWS is."""

    def make(service: str) -> Any:
        variables = (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL")
        endpoint = next(filter(None, map(site.environment.get, variables)), None)
        return session.client(service, region_name=region, config=CALL, endpoint_url=endpoint)

    return make


def _password(client: Client, what: str) -> Token:
    """Ask for the password. What AWS answers is base64 of `AWS:password`."""
    try:
        data = client("ecr").get_authorization_token()["authorizationData"][0]
        decoded = base64.b64decode(data["authorizationToken"], validate=True).decode("ascii")
        username, separator, password = decoded.partition(":")
        expires_at = data["expiresAt"]
    except (KeyError, IndexError, TypeError, binascii.Error, ValueError):
        raise _no_password(what) from None
    if not (separator and password and isinstance(expires_at, datetime)):
        raise _no_password(what)
    return Token(username, password, expires_at)


def _no_password(what: str) -> DrayageError:
    return BadAnswer(f"{what} answered without a password: check that AWS answers there")
