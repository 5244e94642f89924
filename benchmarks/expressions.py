"""How many expressions are evaluated in a second: `python -m benchmarks.expressions`. The last line is JSON."""

import json
import time
from collections.abc import Callable

from flows.expression import evaluate, render
from flows.expression.conditions import judge
from flows.expression.parser import parse

SECONDS = 0.5
ENV = {
    "ctx": {"project": "demo", "stage": "prod", "targetFreight": {"name": "f1", "alias": "happy-fox"}},
    "vars": {"repo": "https://github.com/example/repo.git", "replicas": 3.0},
    "outputs": {"commit": {"commit": "deadbeefcafe"}, "list": {"items": [{"n": float(n)} for n in range(100)]}},
}
STEP = {
    "path": "./src/stages/${{ ctx.stage }}",
    "updates": [{"key": "image.tag", "value": "${{ quote(outputs.commit.commit[:7]) }}"}],
    "message": "Promote ${{ ctx.targetFreight.alias }} to ${{ ctx.stage }}",
}
CASES: dict[str, Callable[[], object]] = {
    "member": lambda: evaluate("outputs.commit.commit", ENV),
    "condition": lambda: evaluate("ctx.stage == 'prod' && vars.replicas > 2", ENV),
    "loop of 100": lambda: evaluate("outputs.list.items | filter(.n > 50) | map(.n) | sum()", ENV),
    "step config": lambda: render(STEP, ENV),
    "metric condition": lambda: judge([0.97, 0.99], "all(result, # >= 0.95)", "any(result, isNaN(#))"),
    "parsing": lambda: parse("ctx.stage == 'prod' && vars.replicas > 2"),
}


def per_second(call: Callable[[], object]) -> float:
    """Call it for half a second, after a first time that fills the caches."""
    call()
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < SECONDS:
        for _ in range(20):
            call()
        count += 20
    return count / elapsed


def main() -> None:
    """Print a line for each case, then all as one JSON object."""
    rates = {name: round(per_second(call)) for name, call in CASES.items()}
    for name, rate in rates.items():
        print(f"{name:20} {rate:>10,} per second")
    print(json.dumps({"benchmark": "expressions", "unit": "evaluations per second", **rates}))


if __name__ == "__main__":
    main()
