"""What the Kubernetes API answers when it cannot do as asked: `Status` objects."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

REASONS = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
}
"""HTTP statuses by Kubernetes' reasons."""


class StatusError(Exception):
    """One refusal: a reason of Kubernetes and a sentence, with the object's name where there is one."""

    def __init__(self, reason: str, message: str, name: str = "") -> None:
        """Keep the reason, which must be one of `REASONS`, the sentence and the name."""
        super().__init__(message)
        self.reason = reason
        self.name = name

    def status(self) -> dict[str, Any]:
        """Say it as a `Status` object."""
        named = {"name": self.name} if self.name else {}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": {**named, "group": "argoproj.io", "kind": "applications"},
            "code": REASONS[self.reason],
        }


async def answer(request: Request, error: Exception) -> Response:
    """Turn a refusal into HTTP."""
    assert isinstance(error, StatusError)
    return JSONResponse(error.status(), REASONS[error.reason])
