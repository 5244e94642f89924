"""Kayenta: canary configs, and executions that end when they are told to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.servers.metrics.checking import checked, expect, parameters, path_of
from tests.servers.recording import Answer, Asked

CONFIG, EXECUTION = "cfg-1", "01DS50WVHAWSTAQACJKB1VKDQB"
ACCOUNTS = {"metricsAccountName": "prom", "configurationAccountName": "configs", "storageAccountName": "results"}
DETAIL = {"scope", "location", "step", "start", "end"}


def scored(score: Any) -> dict[str, Any]:
    """An execution that is done."""
    judged = {"score": {"score": score, "classification": "Pass", "classificationReason": ""}, "results": []}
    return {"complete": True, "status": "succeeded", "result": {"judgeResult": judged, "canaryDuration": "PT5M"}}


RUNNING = {"complete": False, "status": "running"}


@dataclass
class KayentaServer:
    """Answers questions for the execution one after the other, the last for ever."""

    states: list[Any] = field(default_factory=list)
    started: list[Any] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        """Answer one request."""
        return checked(self._answer, lambda sentence: {"error": "Bad Request", "message": sentence})(asked)

    def _answer(self, asked: Asked) -> Answer:
        path = path_of(asked)
        if path == "/canaryConfig":
            expect(asked.method == "GET", "GET")
            given = parameters(asked, "application", "configurationAccountName")
            expect(given["configurationAccountName"] == "configs", "Unable to resolve account", 404)
            stamp = {"updatedTimestamp": 1, "updatedTimestampIso": "2026-01-01T00:00:00Z", "applications": ["web"]}
            return 200, {}, [{"id": "cfg-0", "name": "other"} | stamp, {"id": CONFIG, "name": "my-test"} | stamp]
        if path == f"/canary/{CONFIG}":
            return self._start(asked)
        expect(path == f"/canary/{EXECUTION}" and asked.method == "GET", "no such execution", 404)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return state if isinstance(state, tuple) else (200, {}, state)

    def _start(self, asked: Asked) -> Answer:
        expect(asked.method == "POST", "POST")
        given = parameters(asked, "application", *ACCOUNTS)
        expect(given == {"application": "web"} | ACCOUNTS, given)
        body = asked.json
        expect(set(body) == {"scopes", "thresholds"} and set(body["thresholds"]) == {"pass", "marginal"}, list(body))
        for pair in body["scopes"].values():
            expect(set(pair) == {"controlScope", "experimentScope"}, list(pair))
            for detail in pair.values():
                expect(set(detail) == DETAIL and isinstance(detail["step"], int), detail)
                expect(all(datetime.fromisoformat(detail[end]).tzinfo for end in ("start", "end")), detail)
        self.started.append(body)
        return 200, {}, {"canaryExecutionId": EXECUTION}
