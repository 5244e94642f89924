"""ConfigMaps as Prefect variables: the data as JSON, tagged with the project."""

import hashlib
import json
import re
from typing import Any

from prefect.client.orchestration import PrefectClient

TAG = "drayage-config-map"
MOST_BYTES = 5_000
"""A Prefect variable holds at most this many characters."""

PAGE = 200
MOST = 5_000


def variable_name(project: str, name: str) -> str:
    """Name a project's ConfigMap as Prefect allows, one name for one ConfigMap."""
    plain = f"configmap_{project}_{name}"
    safe = re.sub(r"[^a-z0-9_-]", "-", plain)
    return safe if safe == plain and "_" not in project + name else f"{safe}-{_digest(project, name)}"


def variable(project: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    """Build the variable that holds a ConfigMap."""
    value = {"project": project, "name": name, "data": data}
    return {"name": variable_name(project, name), "value": value, "tags": [TAG, f"project:{project}"]}


def too_large(project: str, name: str, data: dict[str, str]) -> bool:
    """Whether the data does not fit into a Prefect variable."""
    return len(json.dumps(variable(project, name, data)["value"])) > MOST_BYTES


async def read_config_maps(client: PrefectClient, project: str) -> dict[str, dict[str, str]]:
    """Read a project's ConfigMaps by name, at most 5,000."""
    found: dict[str, dict[str, str]] = {}
    for offset in range(0, MOST, PAGE):
        answer = await client.request(
            "POST",
            "/variables/filter",
            json={"variables": {"tags": {"all_": [TAG, f"project:{project}"]}}, "limit": PAGE, "offset": offset},
        )
        page = answer.json()
        found |= {each["value"]["name"]: each["value"]["data"] for each in page}
        if len(page) < PAGE:
            break
    return found


def _digest(project: str, name: str) -> str:
    return hashlib.sha256(f"{project}/{name}".encode()).hexdigest()[:8]
