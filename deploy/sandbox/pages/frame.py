"""What stands around every page: the head, the top with search and languages, the parts."""

from typing import Final

from fastapi.responses import HTMLResponse

from deploy.sandbox.inbox.records import shorten
from deploy.sandbox.inbox.search import MAX_CHARACTERS
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.texts import COOKIE, LANGUAGES

# It shows strangers' HTML: nothing but our own files and inline styles may load. A mail's own frame
# may do less still (mails.py).
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; img-src data:; frame-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}
_A_YEAR_S: Final = 365 * 24 * 3600


def answer_page(
    asked: Asked, title: str, *parts: Html, version: int = 0, status: int = 200
) -> HTMLResponse:
    """Answer a whole page; version: of the inbox that it shows."""
    answer = HTMLResponse(_write(asked, title, parts, version), status, POLICY)
    answer.headers["Vary"] = "Accept, Accept-Language, Cookie"
    if asked.chosen in LANGUAGES:
        answer.set_cookie(COOKIE, asked.chosen, _A_YEAR_S, httponly=True, samesite="lax")
    return answer


def _write(asked: Asked, title: str, parts: tuple[Html, ...], version: int) -> str:
    text = asked.text
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", shorten(title)),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/look.css"),
        tag("link", rel="stylesheet", href="/page.css"),
        tag("script", src="/page.js", defer=True),
    )
    body = tag(
        "body",
        tag("a", text("frame.skip"), class_="skip", href="#main"),
        _top(asked),
        tag("main", *parts, id="main", tabindex="-1"),
        tag("p", id="said", class_="unseen", role="status"),
        _dialog(asked),
        data_version=version,
        data_new=text("list.new", n="{n}"),
        data_away=text("frame.away"),
    )
    return f"<!doctype html>{tag('html', head, body, lang=text.language)}"


def _top(asked: Asked) -> Html:
    text = asked.text
    search = tag(
        "form",
        tag("label", text("search.label"), for_="q", class_="unseen"),
        tag(
            "input",
            type="search",
            id="q",
            name="q",
            value=asked.q,
            placeholder=text("search.placeholder"),
            autocomplete="off",
            maxlength=MAX_CHARACTERS,
            aria_describedby="found",
        ),
        [
            tag("input", type="hidden", name=name, value=value)
            for name, value in (("channel", asked.channel), ("recipient", asked.recipient))
            if value
        ],
        role="search",
        action="/inbox",
    )
    pages = tag(
        "nav",
        _page_link(asked, "/inbox", text("frame.inbox")),
        _page_link(asked, "/fail", text("frame.fail")),
        aria_label=text("frame.pages"),
    )
    return tag(
        "header",
        tag("h1", tag("a", text("frame.title"), href="/inbox")),
        search,
        pages,
        _languages(asked),
        class_="top",
    )


def _page_link(asked: Asked, path: str, name: str) -> Html:
    is_here = asked.path == path or (path == "/inbox" and asked.path != "/fail")
    return tag("a", name, href=path, aria_current="page" if is_here else None)


def _languages(asked: Asked) -> Html:
    links = [
        tag(
            "a",
            name,
            href=asked.href(asked.path, view=asked.view, language=code),
            lang=code,
            hreflang=code,
        )
        for code, name in LANGUAGES.items()
        if code != asked.text.language
    ]
    return tag("nav", links, aria_label=asked.text("frame.language"))


def _dialog(asked: Asked) -> Html:
    """What asks before much is forgotten; the script fills in the question."""
    text = asked.text
    choices = join(
        tag("button", text("confirm.no"), type="submit", value="no", autofocus=True),
        tag("button", text("confirm.yes"), type="submit", value="yes", class_="strong"),
    )
    question = tag("p", id="question")
    form = tag("form", question, tag("p", choices, class_="actions"), method="dialog")
    return tag("dialog", form, id="confirm", aria_labelledby="question")
