"""A kind of subscription of one's own: versions that a web server lists as JSON.

The server answers a list of objects, each with `version` and whatever else is worth knowing of it.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadAnswer
from flows.plugin.http import Http
from flows.warehouse.further import Artifact
from flows.warehouse.order import by_semver


class Config(BaseModel):
    """What a Warehouse writes under `config`."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern="^https?://", description="Where the list is.")
    constraint: str | None = Field(default=None, description="Range a version must satisfy.")


async def discover(config: Config, *, http: Http, limit: int) -> list[Artifact]:
    """Return the versions that the server lists, the highest first."""
    answer = await http.get(config.url)
    listed = _read(config.url, answer.content)
    return [Artifact(version, listed[version]) for version in by_semver(listed, config.constraint, True)[:limit]]


def _read(url: str, content: bytes) -> dict[str, dict[str, Any]]:
    """What the list says of each version. Raises BadAnswer when it is no such list."""
    try:
        return {str(each.pop("version")): each for each in json.loads(content)}
    except (ValueError, KeyError, AttributeError, TypeError):
        raise BadAnswer(f"GET {url} answered something that is no list of versions") from None
