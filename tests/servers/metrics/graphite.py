"""Graphite's render API."""

from collections.abc import Callable
from typing import Any

from tests.servers.metrics.checking import checked, expect, path_of
from tests.servers.recording import Answer, Asked


def graphite(targets: Any) -> Callable[[Asked], Answer]:
    """Answer with these targets what is asked for as JSON, with a target that has no white space."""

    def answer(asked: Asked) -> Answer:
        expect(asked.method == "GET" and path_of(asked) == "/render", asked.path, 404)
        query = asked.path.partition("?")[2]
        expect("target=" in query and "+" not in query and "%20" not in query, f"targets of {query}")
        expect(query.count("format=") == 1 and query.endswith("format=json"), "format is json")
        return 200, {}, targets

    return checked(answer, lambda sentence: f"<pre>Bad Request: {sentence}</pre>".encode())


def target(*points: list[Any], name: str = "errors") -> dict[str, Any]:
    """One target of an answer."""
    return {"target": name, "tags": {"name": name}, "datapoints": list(points)}
