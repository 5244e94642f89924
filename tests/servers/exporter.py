"""Numbers that a real Prometheus scrapes each second, and that a test changes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.servers.prometheus import running


@dataclass
class Exporter:
    """What is exported, and the address of the Prometheus that scrapes it."""

    values: dict[str, float] = field(default_factory=dict)
    prometheus: str = ""

    def set(self, name: str, value: float, seconds: float = 30) -> None:
        """Change a number, and return when Prometheus knows it."""
        self.values[name] = value
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": name}, trust_env=False).json()
            if [float(each["value"][1]) for each in answer["data"]["result"]] == [value]:
                return
            time.sleep(0.1)
        raise AssertionError(f"Prometheus did not see {name} = {value} within {seconds} s")


@contextmanager
def scraped(folder: Path) -> Iterator[Exporter]:
    """Run an exporter and a Prometheus that scrapes it, until the block ends."""
    exporter = Exporter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in exporter.values.items())
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{server.server_address[1]}"
        config = (
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: test, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        try:
            with running(folder, config=config) as exporter.prometheus:
                yield exporter
        finally:
            server.shutdown()
