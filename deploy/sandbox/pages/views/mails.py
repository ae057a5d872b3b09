"""The views of an email: as HTML, as text, its source, its headers, its files, what to mend."""

from collections.abc import Iterator, Sequence
from typing import Final

from common.http.answers.framed import framed
from deploy.sandbox.email.checks import Finding
from deploy.sandbox.email.opened import File, OpenedMail
from deploy.sandbox.inbox.records import Entry
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.shown import draw_table

_MAX_SOURCE: Final = 256 * 1024  # bytes that are shown; all of them can be downloaded


def mail_views(
    asked: Asked, entry: Entry, mail: OpenedMail, source: bytes | None
) -> Iterator[tuple[str, str, Html]]:
    """Yield each view: its name in the address, its title, what it shows."""
    text = asked.text
    if mail.html is not None:
        yield "html", text("view.html"), _html(asked, mail.html)
    yield "text", text("view.text"), tag("pre", entry.text or text("mail.no_text"), dir="auto")
    yield "source", text("view.source"), _source(asked, entry, source)
    yield "headers", text("view.headers"), draw_table(entry.headers)
    if mail.files:
        title = text("view.files", n=len(mail.files))
        yield "files", title, _files(asked, entry, mail.files)
    to_mend = sum(not one.is_hint for one in mail.findings)
    yield "checks", text("view.checks", n=to_mend), _checks(asked, mail.findings)


def _html(asked: Asked, html: str) -> Html:
    frame = tag(
        "iframe",
        sandbox=True,
        title=asked.text("mail.frame"),
        srcdoc=framed(html),
    )
    return join(frame, tag("p", asked.text("mail.nothing_loaded"), class_="soft"))


def _source(asked: Asked, entry: Entry, source: bytes | None) -> Html:
    text = asked.text
    if source is None:
        return tag("p", text("mail.source_gone"), class_="soft")
    shown = source[:_MAX_SOURCE].decode(errors="replace").replace("\r\n", "\n")
    cut = text("mail.source_cut", n=_MAX_SOURCE // 1024) if len(source) > _MAX_SOURCE else ""
    link = tag("a", text("mail.download"), href=f"/inbox/{entry.n}/source", download=True)
    return join(tag("p", link, " ", cut, class_="actions"), tag("pre", shown, class_="mono"))


def _files(asked: Asked, entry: Entry, files: Sequence[File]) -> Html:
    rows = (_file(asked, entry, place, file) for place, file in enumerate(files))
    return tag("ul", rows, class_="files")


def _file(asked: Asked, entry: Entry, place: int, file: File) -> Html:
    if file.size_bytes is None:
        return tag("li", tag("bdi", file.name), " ", asked.text("mail.source_gone"))
    link = tag(
        "a",
        tag("bdi", file.name),
        href=f"/inbox/{entry.n}/files/{place}",
        download=True,
    )
    said = f" {file.media_type}, {asked.text('mail.bytes', n=f'{file.size_bytes:,}')}"
    return tag("li", link, tag("span", said, class_="soft"))


def _checks(asked: Asked, findings: Sequence[Finding]) -> Html:
    text = asked.text
    rows = [
        tag(
            "li",
            tag(
                "strong",
                text("check.hint" if one.is_hint else "check.mend"),
                class_="soft" if one.is_hint else "wait",
            ),
            " ",
            tag("span", text(f"check.{one.name}", about=one.about), dir="auto"),
        )
        for one in findings
    ]
    listed = tag("ul", rows, class_="checks") if rows else tag("p", text("check.none"))
    return join(listed, tag("p", text("check.elsewhere"), class_="soft"))
