"""Pictures of pages for the documents, under names that stay."""

from pathlib import Path

from playwright.async_api import Page

_IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"


async def picture(page: Page, name: str) -> Path:
    """Keep what is on the screen as docs/images/<name>.png."""
    _IMAGES.mkdir(exist_ok=True)
    file = _IMAGES / f"{name}.png"
    await page.wait_for_timeout(1000)  # the plots move in
    await page.screenshot(path=file, animations="disabled")
    return file
