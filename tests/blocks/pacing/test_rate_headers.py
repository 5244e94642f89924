"""What servers say about their limits, in the words of each."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.pacing.rate_headers import SECONDARY_WAIT, Quota, read_quota, retry_after, wait_asked

NOW = datetime(2026, 3, 1, 14, 0, 0, tzinfo=UTC)
RESET = int(NOW.timestamp()) + 300
DATE = "Sun, 01 Mar 2026 13:58:20 GMT"
"""What a server says whose clock is 100 seconds behind."""

GITHUB = {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4210",
    "x-ratelimit-used": "790",
    "x-ratelimit-reset": str(RESET),
    "x-ratelimit-resource": "core",
}
GITLAB = {
    "RateLimit-Limit": "2000",
    "RateLimit-Name": "throttle_authenticated_api",
    "RateLimit-Observed": "12",
    "RateLimit-Remaining": "1988",
    "RateLimit-Reset": str(RESET),
}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"content-type": "application/json", "date": DATE}, None, id="others"),
        pytest.param(GITHUB, Quota(5000, 4210, 300.0), id="github"),
        pytest.param(GITHUB | {"x-ratelimit-resource": "search"}, None, id="github-other-resource"),
        pytest.param(GITHUB | {"date": DATE}, Quota(5000, 4210, 400.0), id="clock-behind"),
        pytest.param(GITHUB | {"date": "yesterday"}, Quota(5000, 4210, 300.0), id="date-garbage"),
        pytest.param(GITLAB, Quota(2000, 1988, 300.0), id="gitlab"),
        pytest.param(
            {
                "ratelimit-limit": "100;w=21600",
                "ratelimit-remaining": "76;w=21600",
                "docker-ratelimit-source": "192.0.2.1",
            },
            Quota(100, 76, None),
            id="docker-hub",
        ),
        pytest.param(
            {"X-RateLimit-Limit": "180", "X-RateLimit-Remaining": "179", "X-RateLimit-Reset": str(RESET)},
            Quota(180, 179, 300.0),
            id="docker-hub-api",
        ),
        pytest.param(
            {"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "30"},
            Quota(100, 50, 30.0),
            id="draft-3",
        ),
        pytest.param(
            {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "5", "ratelimit-reset": "7"},
            Quota(100, 5, 7.0),
            id="draft-3-with-policy",
        ),
        pytest.param({"ratelimit": "limit=100, remaining=5, reset=7"}, Quota(100, 5, 7.0), id="draft-7"),
        pytest.param(
            {"ratelimit-policy": '"default";q=100;w=60', "ratelimit": '"default";r=50;t=30'},
            Quota(None, 50, 30.0),
            id="draft-8",
        ),
        pytest.param({"ratelimit": '"day";r=900;t=80000, "minute";r=3;t=12'}, Quota(None, 3, 12.0), id="the-tightest"),
        pytest.param({"x-ratelimit-limit": "many", "x-ratelimit-remaining": "-1"}, None, id="garbage"),
        pytest.param({"x-ratelimit-remaining": "0"}, Quota(None, 0, None), id="only-what-is-left"),
        pytest.param(GITHUB | {"x-ratelimit-reset": f"{RESET}000"}, Quota(5000, 4210, 300.0), id="milliseconds"),
        pytest.param(GITHUB | {"x-ratelimit-reset": "0"}, Quota(5000, 4210, 0.0), id="reset-now"),
        pytest.param(GITHUB | {"x-ratelimit-reset": str(RESET - 900)}, Quota(5000, 4210, 0.0), id="reset-before"),
    ],
)
def test_quota(headers, expected):
    """Limit, what is left, and the seconds until there is all again by the server's own clock."""
    assert read_quota(headers.items(), NOW) == expected


SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
SPENT = GITHUB | {"x-ratelimit-remaining": "0"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        pytest.param(429, {"retry-after": "30"}, b"", 30.0, id="seconds"),
        pytest.param(429, {"retry-after": "0.5"}, b"", 0.5, id="fraction"),
        pytest.param(503, {"retry-after": "Sun, 01 Mar 2026 14:02:00 GMT"}, b"", 120.0, id="date"),
        pytest.param(503, {"retry-after": "Sun, 01 Mar 2026 13:00:00 GMT"}, b"", 0.0, id="date-over"),
        pytest.param(503, {"retry-after": "Sun, 01 Mar 2026 14:02:00 GMT", "date": DATE}, b"", 220.0, id="date-skewed"),
        pytest.param(429, {"retry-after": "soon"}, b"", None, id="garbage"),
        pytest.param(429, {"retry-after": "1" * 400}, b"", None, id="absurd"),
        pytest.param(429, {"x-retry-after": str(RESET)}, b"toomanyrequests", 300.0, id="docker-hub"),
        pytest.param(429, {}, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}', None, id="ecr"),
        pytest.param(429, {}, b"<html><h1>429 Too Many Requests</h1></html>", None, id="quay"),
        pytest.param(429, GITLAB | {"RateLimit-Remaining": "0"}, b"Retry later\n", 300.0, id="gitlab"),
        pytest.param(403, SPENT, b'{"message": "API rate limit exceeded"}', 300.0, id="github-spent"),
        pytest.param(403, GITHUB | {"retry-after": "60"}, SECONDARY, 60.0, id="github-secondary"),
        pytest.param(403, GITHUB, SECONDARY, SECONDARY_WAIT, id="github-secondary-no-time"),
        pytest.param(403, GITHUB, b'{"message": "Resource not accessible"}', None, id="github-forbidden"),
        pytest.param(403, {}, b"", None, id="forbidden"),
        pytest.param(500, SPENT, b"", None, id="spent-by-the-way"),
    ],
)
def test_wait_asked(status, headers, body, expected):
    """How long an error asks to wait; None when it does not."""
    headers = {name.lower(): value for name, value in headers.items()}
    assert wait_asked(status, headers, body, NOW) == expected


@given(
    name=st.sampled_from(["ratelimit", "x-ratelimit-reset", "ratelimit-remaining", "date"]), value=st.text(max_size=80)
)
def test_no_header_breaks_it(name, value):
    """Whatever a server sends is read as numbers or not at all."""
    quota = read_quota([("x-ratelimit-limit", "10"), (name, value)], NOW)
    assert quota is None or quota.resets_in is None or quota.resets_in >= 0.0
    wait = retry_after({"retry-after": value, "date": value}, NOW)
    assert wait is None or wait >= 0.0
