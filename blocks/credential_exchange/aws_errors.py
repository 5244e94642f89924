"""What AWS refuses, in our words. Its own are not repeated: they may quote what was signed."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from blocks.errors import DrayageError, RateLimited, Terminal, Unauthorized, Unavailable, Unreachable
from blocks.pacing.rate_headers import retry_after

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_UNKNOWN = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_SKEWED_SIGNATURES = ("Signature expired", "Signature not yet current")
_SLOWER = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}


def is_denied(error: ClientError) -> bool:
    """Whether AWS knows who asks and does not allow it; a 403 without a name of its own says the same."""
    return _code(error) in _DENIED


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def aws_error(error: BotoCoreError | ClientError, what: str, remedy: str) -> DrayageError:
    """Word a failure: `what` was asked of AWS, and the `remedy` when it does not know or allow whoever asked."""
    if isinstance(error, ClientError):
        return _answered(error, what, remedy)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return Unauthorized(f"{what} failed: this machine has no AWS role that can be used; {remedy}")
    if isinstance(error, EndpointConnectionError | ConnectionError | HTTPClientError):
        return Unreachable(f"{what} failed ({type(error).__name__}): check the AWS region and the way there")
    return Terminal(f"{what} failed ({type(error).__name__}): {remedy}")


def _answered(error: ClientError, what: str, remedy: str) -> DrayageError:
    name = _code(error)
    status = _metadata(error).get("HTTPStatusCode", 0)
    said = f"{what} answered {status or 'an error'} {name}".rstrip()
    if name in _SKEWED or str(error.response.get("Error", {}).get("Message", "")).startswith(_SKEWED_SIGNATURES):
        return Unauthorized(f"{said}: this machine's clock differs from that of AWS; set it")
    if name in _SLOWER or status == 429:
        return RateLimited(f"{said}: too many requests", _wait_asked(error))
    if name in _UNKNOWN | _DENIED or status in (401, 403):
        return Unauthorized(f"{said}: {remedy}")
    return Unavailable(said, _wait_asked(error)) if status >= 500 else Terminal(f"{said}: {remedy}")


def _wait_asked(error: ClientError) -> float | None:
    return retry_after(_metadata(error).get("HTTPHeaders", {}), datetime.now(UTC))


def _metadata(error: ClientError) -> dict[str, Any]:
    found: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    return found
