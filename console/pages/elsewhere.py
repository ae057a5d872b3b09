"""What a browser gets where there is no page."""

from console.frame.markup import link, tag
from console.frame.page import ELSEWHERE, Page, View
from console.people.person import Role


async def _draw(view: View) -> None:
    with tag("div", "", "empty"):
        tag("p", view.text("elsewhere.what", path=view.path))
        link(view.text("page.now"), view.there("/"))


NO_PAGE = Page(
    ELSEWHERE, "page.elsewhere", "help", Role.VIEWER, _draw, is_listed=False, has_range=False
)
