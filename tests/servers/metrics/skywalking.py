"""SkyWalking's query API."""

import re
from collections.abc import Callable
from typing import Any

from tests.servers.metrics.checking import expect
from tests.servers.metrics.graphql import checked_graphql
from tests.servers.recording import Answer, Asked

MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d{4}")


def skywalking(data: Any) -> Callable[[Asked], Answer]:
    """Answer with these data what asks for a duration in minutes."""

    def answer(asked: Asked) -> Answer:
        body = asked.json
        expect("$duration: Duration!" in body["query"], "Variable 'duration' is not declared")
        expect(set(body["variables"]) == {"duration"}, "variables")
        duration = body["variables"]["duration"]
        expect(set(duration) == {"start", "end", "step"} and duration["step"] == "MINUTE", duration)
        expect(all(MINUTE.fullmatch(duration[end]) for end in ("start", "end")), f"Unexpected duration {duration}")
        expect(duration["start"] < duration["end"], "start must be before end")
        return 200, {}, {"data": data}

    return checked_graphql(answer)
