"""Compiles built-ins that run a predicate for each element."""

from typing import Any

from flows.expression import loops
from flows.expression.frame import Frame
from flows.expression.runs import Compile, Run, located
from flows.expression.syntax import Builtin

POINTERS: dict[str, tuple[str, ...]] = {"map": ("", "index"), "reduce": ("", "index", "acc")}
"""What a predicate may point at beside the element; an empty name is the element."""


def loop(node: Builtin, body: Run | None, slots: dict[str, int], compile_: Compile) -> Run:
    """Compile a loop whose predicate (None: the element itself) finds what it asks about in these slots."""
    collection = compile_(node.arguments[0])
    more = [compile_(argument) for argument in node.arguments[2:]]
    accumulator = slots["acc"]

    def run(frame: Frame) -> Any:
        items, ask = loops.elements(collection(frame)), _asking(frame, body, slots)
        return loops.RUN[node.name](frame, items, ask, *[value(frame) for value in more])

    def fold(frame: Frame) -> Any:
        items, ask = loops.elements(collection(frame)), _asking(frame, body, slots)

        def step(place: int, element: Any, so_far: Any) -> Any:
            frame.slots[accumulator] = so_far
            return ask(place, element)

        return loops.reduce(items, step, [value(frame) for value in more])

    return located(fold if node.name == "reduce" else run, node.at)


def _asking(frame: Frame, body: Run | None, slots: dict[str, int]) -> loops.Ask:
    item, index = slots[""], slots["index"]

    def ask(place: int, element: Any) -> Any:
        frame.budget.step()
        if body is None:
            return element
        frame.slots[item], frame.slots[index] = element, place
        return body(frame)

    return ask
