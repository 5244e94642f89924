"""How Stages hang together: who is downstream of whom, and what cannot be."""

from collections.abc import Mapping

from flows.stage.model import StageSpec

Stages = Mapping[str, StageSpec]


def upstream(spec: StageSpec) -> list[str]:
    """The Stages from which a Stage takes Freight, in order, each once. Direct requests have none."""
    named = (
        stage for request in spec.requested_freight if not request.sources.direct for stage in request.sources.stages
    )
    return list(dict.fromkeys(named))


def downstream(stages: Stages, name: str) -> list[str]:
    """The Stages that take Freight from the named one, directly."""
    return [other for other, spec in stages.items() if name in upstream(spec)]


def in_order(stages: Stages) -> list[str]:
    """The names of all Stages, each after those it takes Freight from, equal ones by name. Circles come last."""
    needs = {name: [each for each in upstream(spec) if each in stages] for name, spec in stages.items()}
    done: dict[str, None] = {}
    left = sorted(stages)
    while left:
        ready = [name for name in left if all(each in done for each in needs[name])]
        done |= dict.fromkeys(ready or left)
        left = [name for name in left if name not in done]
    return list(done)


def cycles(stages: Stages) -> list[list[str]]:
    """Every way Freight would go round in circles, each as the Stages in the order of its flow, smallest name first.

    Of several circles through one pair of Stages at least one is found. Depth is not limited by Python's stack.
    """
    found: dict[tuple[str, ...], None] = {}
    done: set[str] = set()
    for start in sorted(stages):
        for cycle in _walk(stages, start, done):
            found.setdefault(_turned(cycle))
    return [list(cycle) for cycle in found]


def _walk(stages: Stages, start: str, done: set[str]) -> list[list[str]]:
    """Walk upstream from a Stage, depth first, and collect the circles closed on the way."""
    if start in done:
        return []
    found = []
    path, pending = [start], [iter(upstream(stages[start]))]
    while pending:
        stage = next(pending[-1], None)
        if stage is None:
            pending.pop()
            done.add(path.pop())
        elif stage in path:
            found.append(path[path.index(stage) :][::-1])
        elif stage in stages and stage not in done:
            path.append(stage)
            pending.append(iter(upstream(stages[stage])))
    return found


def _turned(cycle: list[str]) -> tuple[str, ...]:
    first = cycle.index(min(cycle))
    return tuple(cycle[first:] + cycle[:first])
