"""Measuring with Wavefront: the points nearest to now."""

from datetime import datetime
from typing import Any

from pydantic import Field

from blocks.errors import Invalid, NotFound
from blocks.metrics.address import without_login
from blocks.metrics.service import SHOWN, Service, words
from flows.model import Model
from flows.verification.login import Login, login
from flows.verification.measuring import Context, Measured

SECRET = "wavefront-api-tokens"  # noqa: S105  a name
Point = tuple[float, float]
"""Unix time in seconds, and value."""


class Wavefront(Model):
    """One query."""

    address: str = Field(min_length=1, description="Host of the server, such as example.wavefront.com.")
    query: str = Field(min_length=1, description="The query.")


async def measure(settings: Wavefront, context: Context) -> Measured:
    """Return one number per series, of a single series itself. Raises NotFound without data."""
    known = await login(context, SECRET)
    host, address = _address(settings.address)
    check = f"check the token of {host!r} in Secret {SECRET!r}"
    service = Service(context.web, f"Wavefront at {host}", check, known.account)
    answer = await service.ask(
        "GET",
        f"{address}/api/v2/chart/api",
        params=_parameters(settings.query, context.now),
        headers={"Authorization": f"Bearer {_token(known, host)}"},
    )
    return _measured(service, service.object(answer), context.now)


def _address(written: str) -> tuple[str, str]:
    """Return host and URL of an address, which is a host or a URL."""
    url, _ = without_login(written if "://" in written else f"https://{written}", "a Wavefront metric")
    return url.partition("://")[2].partition("/")[0], url


def _token(known: Login, host: str) -> str:
    """Find the token of a host; keys of Secrets cannot hold a port."""
    return known.get(host) or known[host.partition(":")[0]]


def _parameters(query: str, now: datetime) -> dict[str, str]:
    """Ask for the point of this moment; series whose newest point is older are meant too (`i`)."""
    moment = str(int(now.timestamp()) * 1000)
    return {"q": query, "s": moment, "e": moment, "g": "s", "p": "1", "i": "true"}


def _measured(service: Service, decoded: dict[str, Any], now: datetime) -> Measured:
    if decoded.get("errorType") or decoded.get("errorMessage"):
        text = words(decoded)[:SHOWN] or str(decoded["errorType"])
        raise Invalid(f"{service.called} cannot answer the query: {text}")
    try:
        series = [each["data"] for each in decoded.get("timeseries") or [] if each.get("data")]
        points = [_nearest([(float(time), float(value)) for time, value in each], now.timestamp()) for each in series]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise service.odd("no series with points") from None
    if not points:
        raise NotFound(f"{service.called} has no data for the query: correct it")
    values = tuple(value for _, value in points)
    return Measured(values[0] if len(values) == 1 else values, _metadata(points, decoded, now.timestamp()))


def _nearest(points: list[Point], now: float) -> Point:
    return min(points, key=lambda point: abs(point[0] - now))


def _metadata(points: list[Point], decoded: dict[str, Any], now: float) -> dict[str, str]:
    """Say from when the points are, and how many seconds that is from now."""
    times = [int(time) for time, _ in points]
    drifts = [int(time - int(now)) for time, _ in points]
    found = {"timestamps": _listed(times), "drift": _listed(drifts)}
    return found | ({"warnings": str(decoded["warnings"])[:SHOWN]} if decoded.get("warnings") else {})


def _listed(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"[{','.join(map(str, numbers))}]"
