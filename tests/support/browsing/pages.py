"""A browser on one site: a context of its own for each page, and what the page complained of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from playwright.async_api import Browser, ConsoleMessage, Page, Request

DESK = (1280, 800)
PHONE = (390, 844)
_CLOSED_S = 30.0


@dataclass
class Looking:
    """A browser on one console, and what it complained of: errors of scripts, refused loads.

    asked: all that its pages asked for; not what their policy refused.
    """

    browser: Browser
    url: str
    faults: list[str]
    asked: list[str] = field(default_factory=list)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.faults.append(said.text)

    def _forget_refused(self, request: Request) -> None:
        if "csp" in (request.failure or "").lower():  # the browser told of it, and did not ask
            self.asked.remove(request.url)

    async def go(self, page: Page, path: str) -> None:
        """Go on to another place; it is drawn, and the console hears it."""
        answer = await page.goto(f"{self.url}{path}")
        assert answer is not None
        assert answer.status < 500, path
        await page.wait_for_selector("h1")
        await page.wait_for_function("window.did_handshake !== false")  # the sign-in has none

    @asynccontextmanager
    async def page(
        self,
        path: str = "/",
        size: tuple[int, int] = DESK,
        *,
        language: str = "en-US",
        scheme: str = "light",
    ) -> AsyncIterator[Page]:
        """A page of a person who was never here before, as `go` leaves it.

        scheme: `light` or `dark`, as their system has it.
        """
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", self._forget_refused)
        try:
            await self.go(page, path)
            yield page
        finally:
            with suppress(TimeoutError):  # the browser ends with the run
                async with asyncio.timeout(_CLOSED_S):
                    await context.close()


@asynccontextmanager
async def looking_at(url: str, browser: Browser) -> AsyncIterator[Looking]:
    """Look at the site at this URL; at the end no page may have complained."""
    looking = Looking(browser, url, [])
    yield looking
    assert looking.faults == []


async def width_of(page: Page) -> int:
    """How wide what is drawn is: more than the screen's width would scroll sideways."""
    width: int = await page.evaluate("document.documentElement.scrollWidth")
    return width
