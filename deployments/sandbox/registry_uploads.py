"""Uploads in progress: a file that grows until its digest closes it. All functions block; call them in a thread."""

import re
import uuid
from pathlib import Path

from deployments.sandbox.registry_errors import RegistryError

BLOB_LIMIT = 512 * 1024 * 1024
"""Bytes of one blob."""


class Uploads:
    """All sessions under one folder."""

    def __init__(self, root: Path) -> None:
        """Keep the folder, made when missing."""
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def start(self) -> str:
        """Open a session and return its id."""
        session = uuid.uuid4().hex
        (self.root / session).touch()
        return session

    def file(self, session: str) -> Path:
        """Find a session's file; `BLOB_UPLOAD_UNKNOWN` when it never was or is over."""
        path = self.root / session
        if not re.fullmatch(r"[0-9a-f]{32}", session) or not path.exists():
            raise RegistryError("BLOB_UPLOAD_UNKNOWN", f"there is no upload {session!r} in progress")
        return path

    def size(self, session: str) -> int:
        """Count the bytes that arrived."""
        return self.file(session).stat().st_size

    def append(self, session: str, chunk: bytes) -> None:
        """Add bytes; `SIZE_INVALID` past the limit."""
        if self.size(session) + len(chunk) > BLOB_LIMIT:
            raise RegistryError("SIZE_INVALID", f"a blob here holds at most {BLOB_LIMIT} bytes")
        with self.file(session).open("ab") as file:
            file.write(chunk)

    def check_range(self, session: str, content_range: str) -> None:
        """Refuse a chunk that does not begin where the last one ended; `content_range` is `start-end` or empty."""
        start = content_range.partition("-")[0]
        if content_range and start != str(self.size(session)):
            message = f"the chunk {content_range} does not continue an upload of {self.size(session)} bytes"
            raise RegistryError("BLOB_UPLOAD_INVALID", message)

    def cancel(self, session: str) -> None:
        """Forget a session and its bytes."""
        self.file(session).unlink()
