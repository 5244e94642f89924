"""Checks of requests: whoever asks wrongly is told what is wrong, in a refusal of the service's own kind."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers.recording import Answer, Asked


class Wrong(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def expect(right: bool, sentence: Any, status: int = 400) -> None:
    """Refuse a request."""
    if not right:
        raise Wrong(str(sentence), status)


def checked(answer: Callable[[Asked], Answer], refusal: Callable[[str], Any]) -> Callable[[Asked], Answer]:
    """Turn what is wrong into an answer; `refusal` writes the body as the service does."""

    def answering(asked: Asked) -> Answer:
        try:
            return answer(asked)
        except Wrong as wrong:
            return wrong.status, {}, refusal(str(wrong))

    return answering


def path_of(asked: Asked) -> str:
    """The path without parameters."""
    return urlsplit(asked.path).path


def parameters(asked: Asked, *names: str) -> dict[str, str]:
    """The query parameters, which must be exactly these."""
    given = parse_qsl(urlsplit(asked.path).query, keep_blank_values=True, strict_parsing=True)
    expect(sorted(name for name, _ in given) == sorted(names), f"parameters are {given}, not {names}")
    return dict(given)
