"""`python -m deployments.prefect_server …`: `prefect server start …` on a PostgreSQL without the extension pg_trgm.

Prefect's migrations want pg_trgm for indexes that make searches by a part of a name faster. The embedded PostgreSQL
comes without it, and nothing but those indexes needs it, so the statements that name it are left out.
"""

import sys
from typing import Any

from prefect.cli import app
from sqlalchemy import Engine, event


def without_trigrams(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _executemany: bool
) -> tuple[str, Any]:
    """Replace a statement about trigrams by one that does nothing."""
    return ("SELECT 1", parameters) if "trgm" in statement else (statement, parameters)


def main() -> None:
    """Start the server in this process."""
    event.listen(Engine, "before_cursor_execute", without_trigrams, retval=True)
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
