"""What a database failure means to a caller: which of our errors, in which words."""

import sqlite3

import sqlalchemy.exc as exc
from asyncpg import PostgresError

from blocks.errors import Conflict, DrayageError, NotFound, Unauthorized, Unavailable, Unreachable

FAILURES = (exc.SQLAlchemyError, PostgresError, sqlite3.Error, OSError, TimeoutError)
"""What the drivers raise; while connecting SQLAlchemy hands PostgreSQL's errors on as they are."""

_BY_STATE: dict[str, tuple[type[DrayageError], str]] = {
    "40001": (Conflict, "another transaction changed the same rows; try again"),
    "40P01": (Conflict, "another transaction held what this one needed; try again"),
    "55P03": (Conflict, "a lock was not given in time; try again"),
    "23505": (Conflict, "another transaction was faster; look again and retry"),
    "28P01": (Unauthorized, "the password was not accepted; correct the ledger's URL"),
    "28000": (Unauthorized, "the user was not accepted; correct the ledger's URL"),
    "3D000": (NotFound, "the database does not exist; create it or correct the ledger's URL"),
    "53300": (Unavailable, "the server has no free connection; try later or raise its max_connections"),
    "57P03": (Unavailable, "the server is starting up or shutting down; try again"),
}


def translate(error: BaseException, where: str) -> DrayageError | None:
    """Return our error for a driver's, or None when it is a fault of ours that must surface as it is.

    `where` names the database without its credentials.
    """
    if isinstance(error, exc.DBAPIError):
        return _of_driver(error, where)
    if isinstance(error, PostgresError):
        return _of_state(error, where)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(str(error), where)
    if isinstance(error, exc.TimeoutError):
        return Unavailable(f"asked {where} for a connection; all were busy for too long; try again")
    if isinstance(error, TimeoutError | OSError):
        return Unreachable(f"tried to reach {where}; no answer ({type(error).__name__}); check that it runs")
    return None


def _of_driver(error: exc.DBAPIError, where: str) -> DrayageError | None:
    if known := _of_state(error.orig, where):
        return known
    if error.connection_invalidated or isinstance(error, exc.InterfaceError):
        return _broken(where)
    return _of_sqlite(str(error.orig), where)


def _of_state(error: BaseException | None, where: str) -> DrayageError | None:
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _BY_STATE:
        kind, sentence = _BY_STATE[state]
        return kind(f"asked {where}; {sentence}")
    return _broken(where) if state.startswith(("08", "57P")) else None


def _broken(where: str) -> DrayageError:
    return Unreachable(f"asked {where}; the connection broke; check that it runs and try again")


def _of_sqlite(text: str, where: str) -> DrayageError | None:
    if "database is locked" in text or "database table is locked" in text:
        return Conflict(f"waited to write to {where}; another writer kept it locked; try again")
    if "UNIQUE constraint failed" in text:
        return Conflict(f"asked {where}; another transaction was faster; look again and retry")
    if any(trouble in text for trouble in ("disk is full", "readonly database", "disk I/O error")):
        return Unavailable(f"asked {where}; SQLite said {text!r}; check the disk and the file's permissions")
    if "unable to open database file" in text or "file is not a database" in text:
        return NotFound(f"tried to open {where}; SQLite said {text!r}; check the path and its permissions")
    return None
