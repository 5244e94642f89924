"""When what is known of a tag is looked at again."""

from datetime import datetime, timedelta
from zlib import crc32


def lapsed(tag: str, confirmed_at: datetime, now: datetime, after: timedelta) -> bool:
    """Whether a tag was confirmed too long ago: between half of `after` and all of it.

    Where in between differs from tag to tag and from time to time, so that those confirmed together are not asked
    for together again.
    """
    spread = crc32(f"{tag} {confirmed_at.isoformat()}".encode()) / 2**32
    return now - confirmed_at >= after * (0.5 + spread / 2)
