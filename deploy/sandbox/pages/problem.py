"""The page that says what is wrong and where to go."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from deploy.sandbox.pages.asked import Asked, read_texts
from deploy.sandbox.pages.frame import answer_page
from deploy.sandbox.pages.markup import tag


def answer_error_page(request: Request, status: int, title: str, what: str) -> HTMLResponse:
    """Answer an error to a browser."""
    text = read_texts(request)
    link = tag("a", text("error.inbox"), href="/inbox")
    page = tag(
        "article",
        tag("h2", title),
        tag("p", what, dir="auto"),
        tag("p", link),
        tag("p", text("error.status", status=status), class_="soft"),
        class_="alone",
    )
    return answer_page(Asked(path="", text=text), title, page, status=status)
