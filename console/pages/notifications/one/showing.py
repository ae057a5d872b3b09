"""The content of a delivery, drawn as its recipient sees it; everything in it is only data."""

from console.frame.markup import sandboxed, tag
from console.frame.page import View
from console.pages.notifications.one.content import Content


def draw_content(view: View, content: Content | None) -> None:
    """A mail as HTML and as text, a chat as a bubble; and what is sent beside it."""
    text = view.text
    if content is None:
        tag("p", text("notification.content.gone"), "soft")
        return
    if content.is_cut:
        tag("p", text("notification.content.cut"), "soft")
    if content.is_chat:
        _draw_bubble(view, content)
    else:
        _draw_mail(view, content)
    rows = [(name, value) for name, value in content.headers if value]
    if rows:
        tag("h3", text("notification.content.headers"))
        with tag("dl", "", "pairs"):
            for name, value in rows:
                with tag("div"):
                    tag("dt", name)
                    tag("dd", value, dir="auto")


def _draw_mail(view: View, content: Content) -> None:
    text = view.text
    if content.html is not None:
        tag("h3", text("notification.content.html"))
        sandboxed(content.html, text("notification.content.html"))
        tag("p", text("notification.content.html.how"), "soft")
    if content.text is not None:
        tag("h3", text("notification.content.text"))
        tag("pre", content.text, "text", dir="auto", tabindex=0)
    if content.text is None and content.html is None:
        tag("p", text("notification.content.none"), "soft")


def _draw_bubble(view: View, content: Content) -> None:
    with tag("div", "", "chat"):
        said = content.text or content.html or view.text("notification.content.none")
        tag("p", said, "bubble", dir="auto")
        for words, leads in content.buttons:
            tag("span", words, "key", title=leads)
