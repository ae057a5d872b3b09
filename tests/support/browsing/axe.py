"""axe-core, from its installed package: what keeps a page from some of the people."""

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.async_api import Page

_SCRIPT = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_GRAVE = ("serious", "critical")


async def serious_findings(page: Page) -> list[str]:
    """A sentence for each serious finding and each element that it is about."""
    await page.evaluate(_SCRIPT)
    result: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in result["violations"]
        if one["impact"] in _GRAVE
        for node in one["nodes"]
    ]
