"""Where the pages are, and what can be done from them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response

from common.channels import Channel
from deploy.sandbox.email.opened import OpenedMail, open_mail, read_file
from deploy.sandbox.inbox.finding import find, find_page
from deploy.sandbox.inbox.records import Attempt, Entry
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.pages.asked import Asked, read_asked
from deploy.sandbox.pages.failing import draw_failing
from deploy.sandbox.pages.frame import POLICY, answer_page
from deploy.sandbox.pages.listing import MAX_SHOWN, draw_list, unread_of
from deploy.sandbox.pages.live import answer_live
from deploy.sandbox.pages.message import Shown, draw_message, draw_nothing
from deploy.sandbox.rules import Faults

_HERE: Final = Path(__file__).parent
_QUICKLY_READ: Final = 256 * 1024  # bytes; a larger mail is read beside the event loop

Kind = Literal["inbox", "attempts"]
AskedPage = Annotated[Asked, Depends(read_asked)]


def make_pages(inbox: Inbox, faults: Faults) -> APIRouter:
    """Return the pages of one sandbox."""
    router = APIRouter()
    _add_lists(router, inbox)
    _add_changes(router, inbox)
    _add_downloads(router, inbox)
    for kind in ("inbox", "attempts"):
        _add_deliveries(router, inbox, faults, kind)
    _add_rest(router, inbox, faults)
    return router


def _add_lists(router: APIRouter, inbox: Inbox) -> None:
    @router.get("/")
    @router.get("/inbox")
    async def show_list(asked: AskedPage) -> HTMLResponse:
        return await _answer(asked, inbox, None)

    @router.get("/live")
    async def follow() -> Response:
        return answer_live(inbox)


def _add_changes(router: APIRouter, inbox: Inbox) -> None:
    @router.delete("/inbox", status_code=204)
    async def clear(asked: AskedPage) -> None:
        if asked.is_filtered:
            inbox.remove([one async for one in find(inbox, asked.wanted)])
        else:
            inbox.clear()

    @router.put("/inbox/read", status_code=204)
    async def mark_read(asked: AskedPage) -> None:
        inbox.mark([one async for one in find(inbox, asked.wanted)], is_read=True)


def _add_deliveries(router: APIRouter, inbox: Inbox, faults: Faults, kind: Kind) -> None:
    @router.get(f"/{kind}/{{n}}")
    async def show(n: int, asked: AskedPage) -> HTMLResponse:
        shown = replace(
            await _shown(inbox, kind, n), is_blocked=_is_blocked(inbox, faults, kind, n)
        )
        if asked.part != "list":  # what a page that is open already asks for
            inbox.mark([shown.thread], is_read=True)
        return await _answer(asked, inbox, shown)

    @router.delete(f"/{kind}/{{n}}", status_code=204)
    async def delete(n: int) -> None:
        inbox.remove([inbox.thread(_kept(inbox, kind, n))])

    @router.put(f"/{kind}/{{n}}/read", status_code=204)
    async def mark_read(n: int) -> None:
        inbox.mark([inbox.thread(_kept(inbox, kind, n))], is_read=True)

    @router.delete(f"/{kind}/{{n}}/read", status_code=204)
    async def mark_unread(n: int) -> None:
        inbox.mark([inbox.thread(_kept(inbox, kind, n))], is_read=False)


def _add_downloads(router: APIRouter, inbox: Inbox) -> None:
    @router.get("/inbox/{n}/source")
    async def download_source(n: int) -> Response:
        return _download(f"message-{n}.eml", _source(inbox, n))

    @router.get("/inbox/{n}/files/{place}")
    async def download_file(n: int, place: int) -> Response:
        found = await asyncio.to_thread(read_file, _source(inbox, n), place)
        if found is None:
            raise HTTPException(404, f"Message {n} has no file {place}.")
        return _download(*found)


def _add_rest(router: APIRouter, inbox: Inbox, faults: Faults) -> None:
    @router.get("/fail")
    async def show_failing(asked: AskedPage) -> HTMLResponse:
        page = draw_failing(asked, faults)
        return answer_page(asked, asked.text("fail.title"), page, version=inbox.version)

    for name in ("look.css", "page.css", "page.js"):
        _add_file(router, name)


def _add_file(router: APIRouter, name: str) -> None:
    @router.get(f"/{name}")
    async def answer_file() -> Response:
        return FileResponse(_HERE / name, headers={"Cache-Control": "no-cache"})


async def _answer(asked: Asked, inbox: Inbox, shown: Shown | None) -> HTMLResponse:
    """Answer the list with the message beside it, or the part of both that is asked for."""
    version, parts = inbox.version, []
    if asked.part != "message":
        found = await find_page(inbox, asked.wanted, MAX_SHOWN, asked.before)
        parts.append(draw_list(asked, inbox, found, shown.path if shown else ""))
    if asked.part != "list":
        parts.append(draw_message(asked, shown) if shown else draw_nothing(asked))
    title = shown.title(asked) if shown else _title(asked, inbox)
    return answer_page(asked, title, *parts, version=version)


def _title(asked: Asked, inbox: Inbox) -> str:
    unread, title = unread_of(inbox), asked.text("frame.title")
    return f"({unread}) {title}" if unread else title


async def _shown(inbox: Inbox, kind: Kind, n: int) -> Shown:
    one = _kept(inbox, kind, n)
    path, thread = f"/{kind}/{n}", inbox.thread(one)
    if isinstance(one, Attempt):
        return Shown(path, thread, attempt=one)
    if one.channel != "email":
        return Shown(path, thread, one)
    source = inbox.source(n)
    return Shown(path, thread, one, mail=await _open(one, source), source=source)


def _is_blocked(inbox: Inbox, faults: Faults, kind: Kind, n: int) -> bool | None:
    one = _kept(inbox, kind, n)
    return faults.is_blocked(Channel(one.channel), one.recipient or "")


async def _open(entry: Entry, source: bytes | None) -> OpenedMail:
    if len(source or b"") + len(entry.html or "") <= _QUICKLY_READ:
        return open_mail(entry, source)
    return await asyncio.to_thread(open_mail, entry, source)


def _kept(inbox: Inbox, kind: Kind, n: int) -> Entry | Attempt:
    one = inbox.entry(n) if kind == "inbox" else inbox.attempt(n)
    if one is None:
        what = "message" if kind == "inbox" else "attempt"
        raise HTTPException(404, f"There is no {what} {n} in the inbox.")
    return one


def _source(inbox: Inbox, n: int) -> bytes:
    _kept(inbox, "inbox", n)
    source = inbox.source(n)
    if source is None:
        raise HTTPException(404, f"The source of message {n} is not kept.")
    return source


def _download(name: str, content: bytes) -> Response:
    """Answer bytes of a stranger's that no browser may show, run or take for anything else."""
    given = quote(name.encode("utf-8", "replace"), safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{given}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": POLICY["X-Content-Type-Options"],
        "Cache-Control": "no-store",
    }
    return Response(content, headers=headers, media_type="application/octet-stream")
