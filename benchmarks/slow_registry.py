"""A registry of many tags that takes its time for every answer, and counts what it is asked.

    python -m benchmarks.slow_registry TAGS SECONDS

Prints the port it listens on, then serves until its input ends. `/calls` tells the requests since it was last asked,
`/push` adds one tag, the newest build. Both are neither slow nor counted.
"""

import asyncio
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
PAGE = 1_000_000
"""Tags on one page: all of them, as the registry of Docker, version 2, answers whatever page is asked for."""
REPOSITORY = "/v2/acme/app"

Answer = tuple[int, str, bytes]


class SlowRegistry:
    """The one repository `acme/app`; tag number n was built n minutes after the beginning."""

    def __init__(self, tags: int, seconds: float) -> None:
        """Push that many tags, and wait that long before each answer."""
        self.seconds = seconds
        self.calls = 0
        self.tags: list[str] = []
        self.content: dict[str, Answer] = {}
        for _ in range(tags):
            self.push()

    def push(self) -> None:
        """Add one tag of a plain image of five layers."""
        number = len(self.tags)
        tag, created = f"build-{number:06}", BEGINNING + timedelta(minutes=number)
        labels = {"org.opencontainers.image.revision": hashlib.sha256(tag.encode()).hexdigest()}
        config = {"os": "linux", "architecture": "amd64", "created": created.isoformat(), "config": {"Labels": labels}}
        layers = [
            {"mediaType": LAYER, "digest": _digest(f"{tag} {layer}".encode()), "size": layer} for layer in range(5)
        ]
        described = self._add("blobs", CONFIG, config)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
        self._add("manifests", MANIFEST, manifest, tag)
        self.tags.append(tag)

    def _add(self, kind: str, media_type: str, value: object, tag: str = "") -> dict[str, object]:
        content = json.dumps(value).encode()
        digest = _digest(content)
        self.content[f"{REPOSITORY}/{kind}/{tag or digest}"] = (200, media_type, content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    async def answer(self, target: str) -> tuple[Answer, str]:
        """Answer a path; the second part is a header line more, or empty."""
        if target == "/calls":
            calls, self.calls = self.calls, 0
            return (200, "application/json", str(calls).encode()), ""
        if target == "/push":
            self.push()
            return (200, "application/json", b"{}"), ""
        self.calls += 1
        await asyncio.sleep(self.seconds)
        path, _, query = target.partition("?")
        if path == f"{REPOSITORY}/tags/list":
            return self._page(query)
        return self.content.get(path, (404, "application/json", b"{}")), ""

    def _page(self, query: str) -> tuple[Answer, str]:
        last = next((part.removeprefix("last=") for part in query.split("&") if part.startswith("last=")), "0")
        start, end = int(last), int(last) + PAGE
        body = json.dumps({"name": "acme/app", "tags": self.tags[start:end]}).encode()
        link = f'link: <{REPOSITORY}/tags/list?n={PAGE}&last={end}>; rel="next"\r\n' if end < len(self.tags) else ""
        return (200, "application/json", body), link

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                (status, media_type, body), more = await self.answer(target)
                lines = f"HTTP/1.1 {status} x\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
                digest = f"docker-content-digest: {_digest(body)}\r\n" if method == "HEAD" else ""
                writer.write(f"{lines}{digest}{more}\r\n".encode() + (b"" if method == "HEAD" else body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def serve(tags: int, seconds: float) -> None:
    """Serve on a free loopback port until standard input ends."""
    server = await asyncio.start_server(SlowRegistry(tags, seconds).serve, "127.0.0.1", 0)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
