"""A real HTTP server on a free loopback port that gives one raw answer to every request."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass
class Answering:
    """Where the server is, and the requests it saw, head and body."""

    port: int
    seen: list[bytes] = field(default_factory=list)

    @property
    def url(self):
        """The server's root."""
        return f"http://127.0.0.1:{self.port}"


def answer(status, headers=(), body=b""):
    """One raw answer."""
    phrase = HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", "Connection: close", *(f"{name}: {value}" for name, value in headers)]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def answering(*answers, delay=0.0):
    """Serve the raw answers, one a request, the last again and again."""
    waiting = list(answers)
    served = Answering(0)

    async def serve(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [
                line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            ]
            served.seen.append(head + await reader.readexactly(int(length[0]) if length else 0))
            await asyncio.sleep(delay)
            writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
