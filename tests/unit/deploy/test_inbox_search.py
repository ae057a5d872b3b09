"""What is searched for in the sandbox's inbox, and what of it is found."""

import asyncio

import pytest

from deploy.sandbox.inbox.finding import Wanted, find, find_page
from deploy.sandbox.inbox.records import Call, Message
from deploy.sandbox.inbox.search import MAX_TERMS, Term, read_terms
from deploy.sandbox.inbox.store import Inbox

READ = [
    ("order", [Term("", "order")]),
    ('to:Ada subject:"Your Order"', [Term("to", "ada"), Term("subject", "your order")]),
    ("-is:refused", [Term("is", "refused", is_negated=True)]),
    ("is:gone", [Term("is", "gone", is_known=False)]),
    ("https://a.example/x", [Term("", "https://a.example/x")]),
    ('"not closed', [Term("", "not closed")]),
    ("channel:vk", [Term("channel", "vk")]),
    ("word " * 50, [Term("", "word")] * MAX_TERMS),
]


@pytest.mark.parametrize(("text", "terms"), READ)
def test_text_becomes_terms(text: str, terms: list[Term]) -> None:
    assert [*read_terms(text)] == terms


@pytest.fixture
def inbox() -> Inbox:
    """An email with HTML and a file, a chat with buttons that came twice, and a refusal."""
    made = Inbox()
    made.accept(
        Message(
            channel="email",
            recipient="ada@example.com",
            provider_id="<1@shop>",
            subject="Your order",
            text="It is on its way",
            html="<p>blue</p>",
            headers=[("From", "Shop <shop@example.com>")],
            attachments=["invoice.pdf"],
        ),
        "DATA",
    )
    chat = Message(
        channel="telegram",
        recipient="42",
        provider_id="7",
        text="Привет",
        params={"reply_markup": "{}"},
        delivery_id="order-9",
    )
    made.accept(chat, "sendMessage")
    made.accept(chat, "sendMessage")
    made.record(
        Call(
            channel="vk", recipient="13", call="messages.send", verdict="refused", answer="9 Flood"
        )
    )
    return made


async def found(inbox: Inbox, text: str) -> list[str]:
    threads = find(inbox, Wanted(terms=read_terms(text)))
    return [str(thread.last.recipient) async for thread in threads]


ADA = "ada@example.com"
FOUND = [
    ("", ["13", "42", ADA]),
    ("from:shop", [ADA]),
    ("to:ADA", [ADA]),
    ("subject:order", [ADA]),
    ("subject:way", []),
    ("way blue", [ADA]),
    ("invoice", [ADA]),
    ("привет", ["42"]),
    ("id:order-9", ["42"]),
    ("id:1@shop", [ADA]),
    ("channel:vk", ["13"]),
    ("is:refused", ["13"]),
    ("is:delivered", ["42", ADA]),
    ("is:duplicate", ["42"]),
    ("has:html", [ADA]),
    ("has:attachment", [ADA]),
    ("has:buttons", ["42"]),
    ("-has:buttons", ["13", ADA]),
    ("flood", ["13"]),
    ("is:read", []),
    ("is:nonsense", []),
]


@pytest.mark.parametrize(("text", "recipients"), FOUND)
async def test_all_terms_must_be_met(inbox: Inbox, text: str, recipients: list[str]) -> None:
    assert await found(inbox, text) == recipients


async def test_read_ones_are_told_apart_until_something_new_is_heard(inbox: Inbox) -> None:
    inbox.mark(inbox.threads("email"), is_read=True)
    assert await found(inbox, "is:read") == [ADA]
    assert inbox.tallies["email"].unread == 0

    again = inbox.entries("email")[0]
    inbox.accept(Message(**again.model_dump(include=set(Message.model_fields))), "DATA")
    assert await found(inbox, "is:read") == []
    assert inbox.tallies["email"].unread == 1


async def test_pages_follow_each_other_without_a_gap() -> None:
    inbox = Inbox()
    for n in range(10):
        inbox.record(Call(channel="vk", recipient=str(n), call="x", verdict="refused"))
    seen: list[str] = []
    before, has_more = 0, True
    while has_more:
        page = await find_page(inbox, Wanted(), 4, before)
        seen += [str(thread.last.recipient) for thread in page.threads]
        before, has_more = page.threads[-1].last.n, page.has_more
    assert seen == [str(n) for n in reversed(range(10))]


async def test_what_is_found_may_be_cleared_meanwhile(inbox: Inbox) -> None:
    threads = [one async for one in find(inbox, Wanted())]
    inbox.clear()
    inbox.record(Call(channel="vk", recipient="new", call="x", verdict="refused"))
    inbox.mark(threads, is_read=True)
    inbox.remove(threads)

    assert [one.recipient for one in inbox.attempts()] == ["new"]
    assert inbox.tallies["vk"].unread == 1


async def test_search_in_a_full_inbox_lets_others_in() -> None:
    inbox = Inbox()
    for n in range(20_000):
        inbox.accept(
            Message(channel="vk", recipient=str(n), provider_id=str(n), text="x" * 2_000), "x"
        )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    assert (await find_page(inbox, Wanted(terms=read_terms("nowhere")), 200)).threads == []
    task.cancel()
    assert turns > 3


def test_removed_deliveries_are_gone_with_all_that_was_counted(inbox: Inbox) -> None:
    inbox.remove([*inbox.threads("telegram")])

    assert [one.recipient for one in inbox.attempts()] == [ADA, "13"]
    assert (inbox.entry(2), inbox.attempt(2)) == (None, None)
    assert inbox.attempt(4) == inbox.attempts()[-1]
    assert inbox.tallies["telegram"].deliveries == inbox.tallies["telegram"].accepted == 0
    assert len([*inbox.threads()]) == 2


def test_sources_go_before_what_was_made_of_them() -> None:
    inbox = Inbox(max_kept_bytes=1_000_000)
    for n in range(100):
        mail = Message(channel="email", recipient="a@b", provider_id=str(n), delivery_id=f"1-{n}")
        inbox.accept(mail, "DATA", source=b"x" * 50_000)

    assert len(inbox.entries()) == 100
    kept = [entry.n for entry in inbox.entries() if inbox.source(entry.n)]
    assert kept == list(range(101 - len(kept), 101))
    assert 10 < len(kept) < 20
