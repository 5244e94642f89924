"""What to say about a discovery that failed: the sentence of the error, what a person may do, and that we go on."""

import traceback

from blocks.errors import BadAnswer, DrayageError, RateLimited, Retryable, Unavailable, Unreachable

LONGEST = 2_000
"""Characters of one sentence in a condition."""

ROOMS = ("/flows/", "/blocks/")

REMEDIES: dict[type[Retryable], str] = {
    Unreachable: "check that it runs and that the worker can reach it",
    Unavailable: "its operators have to look after it",
    RateLimited: "a longer interval, or credentials with a higher limit, spare it",
    BadAnswer: "check that the URL is right and what answers there",
}


def sentence(error: DrayageError) -> str:
    """Word a failure. What may pass by itself says so, and what helps when it does not; the rest says it already."""
    if not isinstance(error, Retryable):
        return str(error)[:LONGEST]
    remedy = next((text for kind, text in REMEDIES.items() if isinstance(error, kind)), "")
    return "; ".join(filter(None, (str(error), remedy, "it is tried again by itself")))[:LONGEST]


def internal_error(error: Exception) -> str:
    """Word a raised fault of our own by type and place only: its message may hold anything, secrets too."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if any(room in frame.filename for room in ROOMS)]
    last = (ours or frames)[-1]
    place = f"{_below_room(last.filename)} line {last.lineno}"
    return (
        f"Drayage itself failed: {type(error).__name__} in {place}; it is tried again by itself. "
        "Please report it with the traceback in the log of the run"
    )


def traced(error: Exception) -> str:
    """Return the traceback of a fault without its message: files, lines and source only."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _below_room(filename: str) -> str:
    """`flows/…` or `blocks/…`, without where that is on this machine; of other people's code the file's name."""
    place = max(filename.rfind(room) for room in ROOMS)
    return filename[place + 1 :] if place >= 0 else filename.rpartition("/")[2]
