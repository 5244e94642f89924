"""A chart repository whose every answer a test decides, and which remembers what it was asked."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]


@dataclass
class IndexServer:
    """Where it is, what it was asked, and how it answers."""

    url: str
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)


def index(**charts: list[str]) -> bytes:
    """Write an index of these charts and versions."""
    lines = ["apiVersion: v1", "entries:" if charts else "entries: {}"]
    for name, versions in charts.items():
        lines += [f"  {name}:", *(f"  - version: {version}" for version in versions)]
    return "\n".join([*lines, ""]).encode()


def tagged(body: bytes, etag: str = '"1"') -> Callable[[Asked], Answer]:
    """Answer with an index, or 304 to who has it."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag}, b""
        return 200, {"ETag": etag}, body

    return answer


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[Asked], Answer]:
    """Answer every request the same way; underscores in the names of headers are dashes."""
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@contextmanager
def index_server(answer: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> Iterator[IndexServer]:
    """Serve on a loopback port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = Asked(self.path, dict(self.headers))
            server.asked.append(asked)
            status, headers, body = server.answer(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        serving.socket = tls.wrap_socket(serving.socket, server_side=True)
    server = IndexServer(f"http{'s' if tls else ''}://127.0.0.1:{serving.server_port}", answer)
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()
