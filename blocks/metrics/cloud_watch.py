"""Asks CloudWatch with Amazon's own library, which blocks: in threads. Imported when first needed, for it is large."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from botocore.parsers import ResponseParserError

from blocks.aws_identity import session
from blocks.budget import Budgets
from blocks.credential_exchange.aws_errors import aws_error
from blocks.errors import BadAnswer, DrayageError, Invalid, Unauthorized, Unavailable, Unreachable
from blocks.guarded_client import addresses
from blocks.metrics.address import without_login
from blocks.metrics.service import SHOWN

MOST_PAGES = 5
"""Pages of one answer, each of up to 100,800 numbers."""

CALL = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})
_WRONG_QUERY = ("Validation", "InvalidParameter", "MissingParameter", "InvalidFormat")

Json = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Where CloudWatch is and who asks: `keys` as `aws_identity` names them; without any, what this machine is.

    `role_arn` is a role to assume. An `endpoint` is another address than Amazon's own for the `region`, and is asked
    with keys alone.
    """

    region: str = ""
    endpoint: str = ""
    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    role_arn: str = ""
    account: str = ""
    remedy: str = "let the role of this machine call cloudwatch:GetMetricData, or name a Secret with keys"


async def get_metric_data(
    site: Site, queries: Sequence[Mapping[str, Any]], start: datetime, end: datetime, budgets: Budgets
) -> tuple[list[Json], list[Json]]:
    """Return the results of all queries, each whole, and CloudWatch's messages. Times become text.

    Raises Unavailable when CloudWatch could not read all there is: a part must not be judged. Also raises Invalid
    with CloudWatch's words for a wrong query, and the other leaves of `blocks.errors`.
    """
    await _check_endpoint(site)
    client = await asyncio.to_thread(_opened, site)
    host = urlsplit(client.meta.endpoint_url).netloc
    results: dict[str, Json] = {}
    messages: list[Json] = []
    asked: Json = {"MetricDataQueries": list(queries), "StartTime": start, "EndTime": end}
    for _ in range(MOST_PAGES):
        async with budgets.of(host, site.account).turn() as learn:
            page = await asyncio.to_thread(_page, client, site, asked)
            learn(page.get("ResponseMetadata", {}).get("HTTPHeaders", {}).items())
        _add(results, page["MetricDataResults"])
        messages += page.get("Messages") or []
        if not page.get("NextToken"):
            return [_whole(site, each) for each in results.values()], messages
        asked["NextToken"] = page["NextToken"]
    raise Invalid(f"{_what(site)} has more than {MOST_PAGES} pages: ask for a shorter interval, or for longer periods")


async def _check_endpoint(site: Site) -> None:
    """Keep keys in, and requests away from the machine's own addresses."""
    if not site.endpoint:
        return
    if not site.keys:
        raise Invalid("another endpoint of CloudWatch needs keys: this machine's own are for Amazon's; add them")
    address, _ = without_login(site.endpoint, "CloudWatch")
    parts = urlsplit(address)
    try:
        await addresses(parts.hostname or "", parts.port or 443)
    except OSError:
        raise Unreachable(f"{_what(site)} failed: the name {parts.hostname!r} could not be resolved") from None


@lru_cache(maxsize=32)
def _opened(site: Site) -> Any:
    made = session(site.region, role_arn=site.role_arn, keys=dict(site.keys) or None)
    try:
        return made.create_client("cloudwatch", endpoint_url=site.endpoint or None, config=CALL)
    except NoRegionError:
        raise Invalid("CloudWatch needs a region: give the metric one, or AWS_REGION to its Secret") from None
    except (BotoCoreError, ValueError) as error:
        raise Invalid(f"{_what(site)} cannot be asked ({type(error).__name__}): {site.remedy}") from None


def _page(client: Any, site: Site, asked: Json) -> Json:
    try:
        page = client.get_metric_data(**asked)
    except (BotoCoreError, ClientError) as error:
        raise _error(site, error) from None
    except (ResponseParserError, AttributeError, TypeError, ValueError):
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("MetricDataResults"), list):
        raise BadAnswer(f"{_what(site)} answered no MetricDataResults: check that CloudWatch answers there")
    return page


def _error(site: Site, error: BotoCoreError | ClientError) -> DrayageError:
    known = error.response.get("Error", {}) if isinstance(error, ClientError) else {}
    if str(known.get("Code", "")).startswith(_WRONG_QUERY):
        return Invalid(f"{_what(site)} cannot answer the query: {str(known.get('Message', ''))[:SHOWN]}")
    return aws_error(error, _what(site), site.remedy)


def _add(results: dict[str, Json], page: Sequence[Json]) -> None:
    """Put a page to what came before: each holds a further part of a query's numbers."""
    for each in page:
        before = results.get(each.get("Id", ""), {"Values": [], "Timestamps": []})
        results[each.get("Id", "")] = {
            **each,
            "Values": [*before["Values"], *map(float, each.get("Values") or [])],
            "Timestamps": [*before["Timestamps"], *map(_text, each.get("Timestamps") or [])],
        }


def _whole(site: Site, result: Json) -> Json:
    """Return a result that is complete."""
    query, status = result.get("Id", ""), result.get("StatusCode", "Complete")
    if status == "Forbidden":
        raise Unauthorized(f"{_what(site)} may not read what query {query!r} asks for: {site.remedy}")
    if status != "Complete":
        raise Unavailable(
            f"{_what(site)} gave a part of query {query!r} ({status}): if that lasts, ask for a shorter interval"
        )
    return result


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _what(site: Site) -> str:
    return f"CloudWatch GetMetricData in {site.region}" if site.region else "CloudWatch GetMetricData"
