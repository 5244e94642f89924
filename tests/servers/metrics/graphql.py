"""What servers of GraphQL have in common."""

from collections.abc import Callable

from tests.servers.metrics.checking import Wrong, expect, path_of
from tests.servers.recording import Answer, Asked


def checked_graphql(answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Take queries as they are posted; what is wrong with one is told with status 200."""

    def answering(asked: Asked) -> Answer:
        try:
            expect(asked.method == "POST" and path_of(asked) == "/graphql", "not found", 404)
            expect(asked.headers.get("content-type") == "application/json", "content type")
            expect(set(asked.json) == {"query", "variables"}, "fields")
            return answer(asked)
        except Wrong as wrong:
            return wrong.status if wrong.status != 400 else 200, {}, {"errors": [{"message": str(wrong)}]}

    return answering
