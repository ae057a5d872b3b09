"""What is held against an email, as a table; and that any HTML is read in a bounded time."""

import time

import pytest

from deploy.sandbox.email.checks import Checked, check_mail
from deploy.sandbox.tags import Tag, read_tags

GOOD = {
    "From": "Shop <shop@example.com>",
    "To": "ada@example.com",
    "Date": "Sun, 22 Nov 2026 10:00:00 +0000",
    "Message-ID": "<1@example.com>",
    "Subject": "Your order",
    "List-Unsubscribe": "<https://example.com/u>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
WORDS = "<p>All of it has left our warehouse.</p>"
LINK = '<a href="https://{}/x">{}</a>'


def findings(
    headers: dict[str, str | None] | None = None,
    html: str | None = None,
    text: str = "Hello",
    files: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    given = GOOD | (headers or {})
    pairs = [(name, value) for name, value in given.items() if value is not None]
    found = check_mail(Checked(pairs, text, html, files))
    return [(one.name, one.about) for one in found]


HEADERS: list[tuple[dict[str, str | None], list[tuple[str, str]]]] = [
    ({}, []),
    ({"From": None}, [("no_from", "")]),
    ({"To": None}, [("no_to", "")]),
    ({"Date": None}, [("no_date", "")]),
    ({"Message-ID": " "}, [("no_message_id", "")]),
    ({"subject": "Again"}, [("twice", "subject")]),
    ({"Subject": ""}, [("no_subject", "")]),
    ({"Subject": "x" * 70}, []),
    ({"Subject": "x" * 71}, [("long_subject", "71")]),
    ({"List-Unsubscribe": None}, [("no_unsubscribe", "")]),
    ({"List-Unsubscribe": None, "List-Id": "a.b"}, [("bulk_without_unsubscribe", "")]),
    ({"List-Unsubscribe": None, "Precedence": "Bulk"}, [("bulk_without_unsubscribe", "")]),
    ({"List-Unsubscribe": "<mailto:u@b.example>"}, [("unsubscribe_without_https", "")]),
    ({"List-Unsubscribe-Post": None}, [("unsubscribe_not_one_click", "")]),
]


@pytest.mark.parametrize(("headers", "found"), HEADERS)
def test_headers_that_filters_mind_are_found(
    headers: dict[str, str | None], found: list[tuple[str, str]]
) -> None:
    assert findings(headers) == found


_LEADS = "bank.example → evil.example"
BODIES = [
    (WORDS, []),
    ("<img src=a alt=x>" + WORDS, []),
    ("<style>a long rule that nobody sees</style><img alt='' src=a>", [("only_images", "")]),
    ("<!-- <img> --><p>Hi</p>", []),
    ("<img src=a>" + WORDS, [("images_without_alt", "1")]),
    ("<script>1</script><form></form>" + WORDS, [("active_html", "form, script")]),
    (WORDS * 3_000, [("big_html", "117")]),
    (LINK.format("shop.example.com", "www.shop.example.com"), []),
    (LINK.format("track.shop.example", "shop.example"), []),
    (LINK.format("shop.example", "Read on"), []),
    (LINK.format("shop.example", "invoice.pdf"), []),
    (LINK.format("evil.example", "www.bank.example"), [("link_elsewhere", _LEADS)]),
    (
        LINK.format("evil.example", "<b>https://bank.example/login</b>"),
        [("link_elsewhere", _LEADS)],
    ),
]


@pytest.mark.parametrize(("html", "found"), BODIES)
def test_html_that_filters_mind_is_found(html: str, found: list[tuple[str, str]]) -> None:
    assert findings(html=html) == found


def test_missing_text_an_empty_mail_and_a_program_are_found() -> None:
    assert findings(html=WORDS, text=" \n") == [("no_text", "")]
    assert findings(text="") == [("empty", "")]
    assert findings(files=("a.pdf", "a.PDF.exe")) == [("program_attached", "a.PDF.exe")]


def test_tags_are_read_with_their_attributes() -> None:
    assert [*read_tags("a<A HREF='x&amp;y' b>c</a ><!-- <i> -->1 < 2")] == [
        "a",
        Tag("a", False, {"href": "x&y", "b": ""}),
        "c",
        Tag("a", True),
        "1 ",
        "<",
        " 2",
    ]


HOSTILE = ["<!--", "<a ", '<a href="', "</a ", "<script></scrip", "&#", "<a b=c ", "<!", "<?"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_html_made_to_be_slow_is_read_at_once(piece: str) -> None:
    begin_s = time.thread_time()
    findings(html=piece * (256 * 1024 // len(piece)))
    assert time.thread_time() - begin_s < 2
