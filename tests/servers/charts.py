"""What a chart repository answers: an index, and 304 to who has it. Served by `tests.servers.recording`."""

from collections.abc import Callable

from tests.servers.recording import Answer, Asked


def index(**charts: list[str]) -> bytes:
    """Write an index of these charts and versions."""
    lines = ["apiVersion: v1", "entries:" if charts else "entries: {}"]
    for name, versions in charts.items():
        lines += [f"  {name}:", *(f"  - version: {version}" for version in versions)]
    return "\n".join([*lines, ""]).encode()


def tagged(body: bytes, etag: str = '"1"') -> Callable[[Asked], Answer]:
    """Answer with an index, or 304 to who has it."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == etag:
            return 304, {"ETag": etag}, b""
        return 200, {"ETag": etag}, body

    return answer


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[Asked], Answer]:
    """Answer every request the same way; underscores in the names of headers are dashes."""
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
