"""What discovery costs: images of a repository of 10,000 tags, and Git of a repository with 60 Warehouses.

    python -m benchmarks.discovery [--only images|git]

The last line is one JSON object, `{"images": {…}, "git": {…}}`. See `discovery_images` and `discovery_git`.
"""

import argparse
import asyncio
import json
from typing import Any

from benchmarks import discovery_git, discovery_images

PARTS = {"images": discovery_images.measure, "git": discovery_git.measure}


async def measure(names: list[str]) -> dict[str, Any]:
    """Run parts one after another, so that none disturbs the other."""
    found: dict[str, Any] = {}
    for name in names:
        found[name] = await PARTS[name]()
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(PARTS), default=None)
    only = parser.parse_args().only
    print(json.dumps(asyncio.run(measure([only] if only else list(PARTS)))))


if __name__ == "__main__":
    main()
