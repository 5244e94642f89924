"""New Relic's NerdGraph, as far as NRQL queries go."""

import re
from collections.abc import Callable
from typing import Any

from tests.servers.metrics.checking import expect
from tests.servers.metrics.graphql import checked_graphql
from tests.servers.recording import Answer, Asked

KEY, ACCOUNT = "NRAK-PLANTEDKEY", "1234567"
ASKED = re.compile(
    r"query\s*\(\s*\$query: Nrql!,\s*\$accountId: Int!,\s*\$timeout: Seconds!\s*\)\s*\{\s*actor\s*\{\s*"
    r"account\(id: \$accountId\)\s*\{\s*nrql\(query: \$query, timeout: \$timeout\)\s*\{\s*results\s*\}\s*\}\s*\}\s*\}"
)


def nerdgraph(results: Any) -> Callable[[Asked], Answer]:
    """Answer NRQL with these results."""

    def answer(asked: Asked) -> Answer:
        expect(asked.headers.get("api-key") == KEY, "Invalid API key", 401)
        body = asked.json
        expect(ASKED.fullmatch(body["query"].strip()) is not None, f"Syntax Error in {body['query']}")
        variables = body["variables"]
        expect(set(variables) == {"query", "accountId", "timeout"}, list(variables))
        expect(variables["accountId"] == int(ACCOUNT), "account not found")
        expect(isinstance(variables["timeout"], int) and 0 <= variables["timeout"] <= 120, "timeout")
        expect("SELECT" in variables["query"], "NRQL Syntax Error: expected SELECT")
        return 200, {}, {"data": {"actor": {"account": {"nrql": {"results": results}}}}}

    return checked_graphql(answer)


def refused(sentence: str, kind: str = "", **more: Any) -> Answer:
    """An error as NerdGraph words it, with status 200."""
    extensions = {"errorClass": kind} if kind else {}
    return 200, {}, {"errors": [{"message": sentence, "extensions": extensions, "path": ["actor"]}], **more}
