"""Servers that answer what a test wants, and a registry made of one: it pages, lies and misses what it is told to."""

import asyncio
import hashlib
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


@dataclass
class Request:
    """One request as the server saw it."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def query(self):
        """First value of every query parameter."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def path(self):
        """The target without its query."""
        return urlsplit(self.target).path


@dataclass
class Odd:
    """A server that answers with whatever `answer(request)` returns: status, headers, body."""

    address: str = ""
    answer: object = None
    asked: list[Request] = field(default_factory=list)

    async def serve(self, reader, writer):
        """Answer one connection's single request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            self.asked.append(Request(method, target, headers))
            status, extra, body = await self.answer(self.asked[-1])
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", "connection: close"]
            lines += [f"{name}: {value}" for name, value in extra.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(server):
    """Let an Odd listen on a free loopback port."""
    opened = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = f"127.0.0.1:{opened.sockets[0].getsockname()[1]}"
    async with opened:
        yield server


def digest_of(content):
    """The digest of a value as it is sent."""
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class OddRegistry(Odd):
    """A registry with the one repository `acme/app`.

    `tags` is what it lists, `manifests` what is behind tags and digests, as (media type, value). `heads` are digests
    it names in HEAD and GET instead of the right one; `refused` are statuses for references; `page` tags are on a
    page, whose Link is absolute when `absolute`.
    """

    def __init__(self):
        super().__init__()
        self.answer = self.reply
        self.tags, self.manifests, self.blobs, self.heads, self.refused = [], {}, {}, {}, {}
        self.page, self.absolute = 1_000, False

    @property
    def repo(self):
        """Its repository."""
        return f"{self.address}/acme/app"

    @property
    def calls(self):
        """What was asked since the last time, counted: `list`, `HEAD 1.0.0`, `GET 1.0.0`, `config`."""
        counted = Counter(map(self._called, self.asked))
        self.asked.clear()
        return dict(counted)

    def _called(self, request):
        what = request.path.rpartition("/")[2]
        if "/tags/" in request.path:
            return "list"
        return "config" if "/blobs/" in request.path else f"{request.method} {what}"

    def push(self, tag, created="2025-01-01T00:00:00Z", **config):
        """Push a plain image and return its digest."""
        config = {"os": "linux", "architecture": "amd64", "created": created, **config}
        self.blobs[digest_of(config)] = config
        described = {"mediaType": CONFIG, "digest": digest_of(config), "size": len(json.dumps(config))}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
        return self.put(tag, MANIFEST, manifest)

    def put(self, tag, kind, manifest):
        """Put anything behind a tag and return its digest."""
        self.tags = list(dict.fromkeys([*self.tags, tag]))
        self.manifests[tag] = self.manifests[digest_of(manifest)] = (kind, manifest)
        return digest_of(manifest)

    async def reply(self, request):
        """Answer as a registry does."""
        what = request.path.rpartition("/")[2]
        if request.path.endswith("/tags/list"):
            return self._list(request)
        if what in self.refused:
            return self.refused[what], {}, {}
        if "/blobs/" in request.path:
            return (200, {}, self.blobs[what]) if what in self.blobs else (404, {}, {})
        if what not in self.manifests:
            return 404, {}, {}
        kind, manifest = self.manifests[what]
        headers = {"content-type": kind, "docker-content-digest": self.heads.get(what, digest_of(manifest))}
        return 200, headers, manifest

    def _list(self, request):
        start = int(request.query.get("last", 0))
        end = start + self.page
        base = f"http://{self.address}" if self.absolute else ""
        link = f'<{base}/v2/acme/app/tags/list?n={self.page}&last={end}>; rel="next"'
        return 200, {"link": link} if end < len(self.tags) else {}, {"name": "acme/app", "tags": self.tags[start:end]}
