"""What a page is asked for: which deliveries, which view, in which language."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from deploy.sandbox.inbox.finding import Wanted
from deploy.sandbox.inbox.search import Term, read_terms
from deploy.sandbox.pages.texts import COOKIE, Texts, choose_language

_FILTERS: Final = ("channel", "recipient", "q")


@dataclass(frozen=True)
class Asked:
    """One request for a page.

    part: `list` or `message` when the page has the rest already. chosen: the language that is to be
    kept from now on, if one is.
    """

    path: str
    text: Texts
    channel: str = ""
    recipient: str = ""
    q: str = ""
    before: int = 0
    view: str = ""
    part: str = ""
    chosen: str = ""

    @property
    def terms(self) -> tuple[Term, ...]:
        """What is searched for."""
        return read_terms(self.q)

    @property
    def wanted(self) -> Wanted:
        """Which deliveries."""
        return Wanted(self.channel, self.recipient, self.terms)

    @property
    def is_filtered(self) -> bool:
        """Whether less than everything is asked for."""
        return any(getattr(self, name) for name in _FILTERS)

    def href(self, path: str, **more: str | int) -> str:
        """The address of another page for the same deliveries; an empty value takes one away."""
        kept = {name: getattr(self, name) for name in (*_FILTERS, "before")}
        query = urlencode({name: value for name, value in (kept | more).items() if value})
        return f"{path}?{query}" if query else path


def read_asked(
    request: Request,
    channel: str = "",
    recipient: str = "",
    q: str = "",
    before: int = 0,
    view: str = "",
    part: str = "",
    language: str = "",
) -> Asked:
    """Return what a request asks for."""
    return Asked(
        path=request.url.path,
        text=read_texts(request),
        channel=channel,
        recipient=recipient,
        q=q,
        before=before,
        view=view,
        part=part,
        chosen=language,
    )


def read_texts(request: Request) -> Texts:
    """Return the texts in the language of who asks."""
    return Texts(
        choose_language(
            request.query_params.get("language", ""),
            request.cookies.get(COOKIE, ""),
            request.headers.get("accept-language", ""),
        )
    )
