"""What the registry answers when it cannot do as asked, in the words of the OCI distribution specification."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.sandbox.basic_auth import CHALLENGE

STATUSES = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 416,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "SIZE_INVALID": 413,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED": 405,
}
"""HTTP statuses by the specification's error codes."""


class RegistryError(Exception):
    """One refusal: a code of the specification and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code, which must be one of `STATUSES`, and the sentence."""
        super().__init__(message)
        self.code = code
        self.status = STATUSES[code]


async def answer(request: Request, error: Exception) -> Response:
    """Turn a refusal into the specification's JSON."""
    assert isinstance(error, RegistryError)
    body = {"errors": [{"code": error.code, "message": str(error), "detail": {"path": request.url.path}}]}
    return JSONResponse(body, error.status, CHALLENGE if error.status == 401 else None)
