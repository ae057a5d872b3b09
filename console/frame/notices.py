"""What a page says when something that it needs does not answer, or is not there."""

from console.frame.markup import tag
from console.frame.page import View
from console.services.reading import Silent


def store_silent(view: View, silent: Silent) -> None:
    """The store does not answer: what is missing here, and why."""
    with tag("div", "", "notice needs", role="note"):
        tag("strong", view.text("store.silent"))
        tag("p", view.text("store.silent.what"))
        tag("p", silent.why, "soft")


def nothing_here(view: View, what: str, how: str = "") -> None:
    """An empty page or list: what would be here, and how to get it; both are names of texts."""
    with tag("div", "", "empty"):
        tag("p", view.text(what))
        if how:
            tag("p", view.text(how))
