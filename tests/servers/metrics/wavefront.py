"""Wavefront's chart API."""

from collections.abc import Callable
from typing import Any

from tests.servers.metrics.checking import checked, expect, parameters, path_of
from tests.servers.recording import Answer, Asked

TOKEN = "wavefront-token-planted"


def wavefront(*series: Any, **more: Any) -> Callable[[Asked], Answer]:
    """Answer with these series of points."""

    def answer(asked: Asked) -> Answer:
        expect(asked.headers.get("authorization") == f"Bearer {TOKEN}", "HTTP 401 Unauthorized", 401)
        expect(asked.method == "GET" and path_of(asked) == "/api/v2/chart/api", "not found", 404)
        given = parameters(asked, "q", "s", "e", "g", "p", "i")
        expect(given["s"] == given["e"] and int(given["s"]) > 10**12, "start and end are one moment in milliseconds")
        expect((given["g"], given["p"], given["i"]) == ("s", "1", "true"), given)
        found = [{"label": "l", "host": "web", "tags": {}, "data": points} for points in series]
        body = {"query": given["q"], "name": given["q"], "granularity": 1, "stats": {"keys": len(series)}}
        return 200, {}, body | ({"timeseries": found} if found else {}) | more

    return checked(answer, lambda sentence: {"message": sentence, "code": 400})
