"""How soon a page is painted in a real browser, and where the time went."""

from dataclasses import dataclass
from statistics import median

from playwright.async_api import Page

_LOADS = 3
_TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint ? [page.responseStart, page.responseEnd, paint.startTime] : null;
}"""


@dataclass(frozen=True, slots=True)
class Painted:
    """Seconds from the click until: the server's first byte, its last, and the first paint."""

    begun_s: float
    answered_s: float
    painted_s: float


async def load(page: Page, url: str) -> Painted:
    """Load it once, as far as its first paint with a heading of its own."""
    answer = await page.goto(url, wait_until="commit")
    assert answer is not None
    assert answer.status < 400, (url, answer.status)
    await page.wait_for_selector("h1")
    times = await page.wait_for_function(_TIMES)
    begun, answered, painted = await times.json_value()
    return Painted(begun / 1000, answered / 1000, painted / 1000)


async def paint(page: Page, url: str) -> Painted:
    """The median of some loads, after one that has the browser fetch what it keeps."""
    await load(page, url)
    loads = [await load(page, url) for _ in range(_LOADS)]
    return Painted(
        *(median(getattr(one, name) for one in loads) for name in Painted.__dataclass_fields__)
    )
