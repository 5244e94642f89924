"""Asking in GraphQL, whose errors come with status 200."""

from collections.abc import Mapping
from typing import Any

from blocks.errors import DrayageError, Invalid, RateLimited, Unauthorized, Unavailable
from blocks.metrics.service import SHOWN, Service, words

_SLOWER = ("TOO_MANY_REQUESTS", "RATE_LIMIT", "RATE_LIMITED", "CONCURRENCY_LIMIT")
_LATER = ("TIMEOUT", "SERVER_ERROR", "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")
_NOT_LET_IN = ("UNAUTHORIZED", "ACCESS_DENIED", "UNAUTHENTICATED", "FORBIDDEN")


async def ask_graphql(
    service: Service,
    url: str,
    query: str,
    variables: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Return the `data` of the answer; any error makes all of it worthless, for data would be partial."""
    answer = await service.ask("POST", url, json={"query": query, "variables": dict(variables)}, headers=headers)
    decoded = service.object(answer)
    if errors := decoded.get("errors"):
        raise _error(service, errors)
    return decoded.get("data")


def _error(service: Service, errors: Any) -> DrayageError:
    text, kinds = words(errors)[:SHOWN], _kinds(errors)
    if kinds & set(_SLOWER):
        return RateLimited(f"{service.called} asks for fewer requests: {text}")
    if kinds & set(_LATER):
        return Unavailable(f"{service.called} cannot answer now: {text}")
    if kinds & set(_NOT_LET_IN):
        return Unauthorized(f"{service.called} answered {text!r}: {service.check}")
    return Invalid(f"{service.called} cannot answer the query: {text or 'it names an error without words'}")


def _kinds(errors: Any) -> set[str]:
    listed = [each.get("extensions") for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    found = [each for each in listed if isinstance(each, dict)]
    return {str(each.get(name, "")).upper() for each in found for name in ("errorClass", "code", "classification")}
