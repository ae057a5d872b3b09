"""The inbox's pages over HTTP: what is downloaded, marked, cleared and followed."""

import asyncio
import base64
import re
from email.message import EmailMessage

import httpx
import pytest

from common.channels import Channel
from deploy.sandbox import Sandbox
from deploy.sandbox.email.mail import read_mail
from deploy.sandbox.pages.live import LOOK_S

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M8AAQUBAScY42YAAAAASUVORK5CYII="
)


def put_mail(sandbox: Sandbox, subject: str = "Order", to: str = "ada@example.com") -> bytes:
    """An email with text, HTML that shows a picture of its own, and a file; returns its bytes."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", to, subject
    mail.set_content("It is on its way.")
    mail.add_alternative('<p>It is <img src="cid:logo" alt="logo"></p>', subtype="html")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(PIXEL, "image", "png", cid="<logo>")
    mail.add_attachment(b"<script>1</script>", "text", "html", filename='my "счёт"\u202e.html')
    source = mail.as_bytes()
    for one in read_mail(source, [to]):
        sandbox.inbox.accept(one, "DATA", source=source)
    return source


async def chat(http: httpx.AsyncClient, chat_id: str, text: str = "Hi") -> None:
    await http.post("/bot1:sandbox/sendMessage", data={"chat_id": chat_id, "text": text})


async def test_source_is_downloaded_as_it_came(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    source = put_mail(sandbox)
    answer = await http.get("/inbox/1/source")
    assert answer.content == source
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''message-1.eml"


async def test_file_of_a_stranger_is_downloaded_as_nothing_a_browser_would_run(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    links = re.findall(r'href="(/inbox/1/files/\d)"', (await http.get("/inbox/1?view=files")).text)
    answer = await http.get(links[-1])

    assert answer.content.strip() == b"<script>1</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    given = answer.headers["content-disposition"]
    assert given.startswith("attachment; filename*=UTF-8''my%20%22%D1%81")
    assert '"' not in given
    assert (await http.get("/inbox/1/files/9")).status_code == 404
    assert (await http.get("/inbox/9/files/0")).status_code == 404


async def test_html_shows_the_pictures_that_came_with_it(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    assert "src=&quot;data:image/png;base64,iVBOR" in (await http.get("/inbox/1")).text


async def test_source_that_had_to_go_is_said_to_be_gone(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    sandbox.inbox._sources.forget_oldest()

    assert "not kept any more" in (await http.get("/inbox/1?view=source")).text
    assert "not kept any more" in (await http.get("/inbox/1?view=files")).text
    assert (await http.get("/inbox/1/source")).status_code == 404
    assert "It is on its way." in (await http.get("/inbox/1?view=text")).text


async def test_opened_message_is_read_until_it_is_marked_unread(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    tally = sandbox.inbox.tallies["email"]
    assert tally.unread == 1
    await http.get("/inbox/1")
    assert tally.unread == 0
    assert (await http.delete("/inbox/1/read")).status_code == 204
    assert tally.unread == 1
    assert (await http.put("/inbox/1/read")).status_code == 204
    assert tally.unread == 0
    assert (await http.put("/inbox/7/read")).status_code == 404


async def test_list_beside_an_open_message_marks_nothing_and_is_no_news(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    version = sandbox.inbox.version
    await http.get("/inbox/1?part=list")
    assert (sandbox.inbox.tallies["email"].unread, sandbox.inbox.version) == (1, version)
    await http.get("/inbox/1")
    version = sandbox.inbox.version
    await http.get("/inbox/1")
    assert sandbox.inbox.version == version


async def test_message_of_an_older_page_leads_back_to_that_page(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    for _ in range(3):
        put_mail(sandbox)
    assert 'href="/inbox/2?before=3"' in (await http.get("/inbox?before=3")).text
    page = (await http.get("/inbox/2?before=3")).text
    assert '<a href="/inbox?before=3" id="back">' in page
    assert 'href="/inbox?channel=vk"' in page


async def test_only_what_a_filter_finds_is_marked_and_cleared(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    put_mail(sandbox)
    for text in ("blue", "red"):
        await chat(http, "42", text)
    await chat(http, "900001001", "refused")
    filters = {"channel": "telegram", "q": "-is:refused"}
    assert (await http.put("/inbox/read", params=filters)).status_code == 204
    unread = {name: tally.unread for name, tally in sandbox.inbox.tallies.items()}
    assert (unread["email"], unread["telegram"]) == (1, 1)

    assert (await http.delete("/inbox", params={"q": "blue"})).status_code == 204
    assert [entry.n for entry in sandbox.inbox.entries()] == [1, 3]
    assert (await http.delete("/attempts/4")).status_code == 204
    assert (await http.delete("/inbox/1")).status_code == 204
    assert [entry.n for entry in sandbox.inbox.entries()] == [3]
    assert sandbox.inbox.source(1) is None


async def test_search_explains_itself_and_says_what_it_does_not_know(
    http: httpx.AsyncClient,
) -> None:
    page = (await http.get("/", params={"q": 'to:ada -is:refused "two words" is:lost'})).text
    found = re.sub("<[^>]+>", "", page.split('id="found"')[1].split("</p>")[0])
    assert "to an address with ada, not refused at least once, with the words two words" in found
    assert "is: knows refused, delivered, duplicate, unread, read; looked for as words" in found


async def test_page_speaks_the_language_that_is_chosen_and_keeps_it(
    http: httpx.AsyncClient,
) -> None:
    assert "Пока ничего не пришло." in (await http.get("/", headers={"Accept-Language": "ru"})).text
    chosen = await http.get("/?language=ru")
    assert "Пока ничего не пришло." in chosen.text
    assert '<html lang="ru">' in chosen.text
    assert "Пока ничего не пришло." in (await http.get("/")).text  # the client kept the cookie


async def test_thousand_arrivals_are_one_line_to_who_follows(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    async with http.stream("GET", "/live") as answer, asyncio.timeout(10):
        lines = (line async for line in answer.aiter_lines() if line.startswith("data: "))
        first = await anext(lines)
        for n in range(1_000):
            sandbox.inbox.accept(read_mail(b"\r\nHi", [f"{n}@example.com"])[0], "DATA")
        told = await anext(lines)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * LOOK_S):
                await anext(lines)
    assert (first, told) == ("data: 1", f"data: {sandbox.inbox.version}")


async def test_stream_that_is_left_costs_nothing_any_more(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    async with http.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert len(sandbox._http.server_state.tasks) == 1
    async with asyncio.timeout(5):
        while sandbox._http.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_list_of_ten_thousand_is_a_page_at_a_time(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    for n in range(10_000):
        sandbox.inbox.accept(read_mail(b"Subject: %d\r\n\r\nHi" % n, ["a@example.com"])[0], "DATA")
    page = (await http.get("/")).text
    assert page.count('<li><a href="/inbox/') == 200
    assert len(page) < 200_000
    older = re.findall(r'href="(/inbox\?before=\d+)"', page)
    assert older == ["/inbox?before=9801"]
    assert 'href="/inbox/9800?before=9801"' in (await http.get(older[0])).text


async def test_calls_that_are_to_fail_are_shown(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.fail_next(Channel.VK, "flood", 3, "<b>7")
    page = (await http.get("/fail")).text
    assert "flood: 9 Flood control; <bdi>&lt;b&gt;7</bdi>; calls left: 3" in page
    russian = (await http.get("/fail", headers={"Accept-Language": "ru"})).text
    assert "первый раз: принимает, затем рвёт соединение" in russian
    assert "never answer" in page
    assert "never answer" not in russian
