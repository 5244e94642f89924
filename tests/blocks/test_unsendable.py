"""A header that cannot be sent is said without showing it: it may hold a secret."""

import io

import httpx
import pytest

from blocks.download import download
from blocks.errors import Invalid
from blocks.http_client import Limits, request
from tests.servers.odd import Odd, listening


async def answer(request):
    """Whatever is asked."""
    return 200, {}, {}


@pytest.mark.parametrize("value", ["Bearer s3cret\n", "Bearer s3cr\u00e4t", "Bearer \0s3cret"])
async def test_a_header_that_cannot_be_sent(value):
    """Neither a request nor a download repeats the header, and nothing is tried again."""
    headers = {"authorization": value}
    async with listening(Odd(answer=answer)) as server, httpx.AsyncClient() as http:
        url = f"http://{server.address}/"
        with pytest.raises(Invalid, match="check it for blanks and line ends") as asked:
            await request(http, "GET", url, headers=headers)
        with pytest.raises(Invalid, match="check it for blanks and line ends") as downloaded:
            await download(http, url, io.BytesIO(), headers=headers, limits=Limits())
        assert "s3" not in f"{asked.value} {downloaded.value}"
        assert server.asked == []
