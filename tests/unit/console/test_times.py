"""Times in the zone that the browser says."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from console.frame.times import exact, zone_of

WHEN = datetime(2026, 5, 1, 14, 3, 9, tzinfo=UTC)


def test_tooltip_says_the_browsers_time_and_utc() -> None:
    zone = zone_of(quote("Asia/Yekaterinburg", safe=""))
    assert exact(WHEN, zone) == "2026-05-01 19:03:09 +05 · 2026-05-01 14:03:09 UTC"


@pytest.mark.parametrize(
    "cookie", [None, "", "UTC", "No/Where", "../../etc/passwd", "Asia", "%00", "x" * 5000]
)
def test_unknown_zone_is_utc(cookie: str | None) -> None:
    assert exact(WHEN, zone_of(cookie)) == "2026-05-01 14:03:09 UTC"
