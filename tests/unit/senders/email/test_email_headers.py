"""Headers of an email: whatever text goes in is what a strict reader gets out, and no more."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from senders.email import body, headers
from senders.email.headers import address_header, program_header, text_header
from tests.support.hostile_texts import LINE_ENDS, LITERALS, UNICODE_LINE_ENDS
from tests.support.providers.mail_reader import decode_body, decode_mailbox, read_mail

BREAKING = [f"Invoice{end}Bcc: eve@example.net" for end in (*LINE_ENDS, *UNICODE_LINE_ENDS)]
HOSTILE = [*LITERALS, *BREAKING, *(f"{text}\r\n\r\n<h1>" for text in BREAKING), "\0", "\x7f", ""]

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text('=?utf-8qb_ ,<>@"\\\r\n\t:Aя📦', max_size=200),
    st.lists(st.sampled_from([*HOSTILE, " ", "  ", "a" * 61]), max_size=4).map("".join),
)
names = st.from_regex(r"\A[A-Za-z0-9-]{1,70}\Z")


def shown(line: str) -> str:
    """What the only header of an email shows."""
    mail = read_mail(line.encode() + b"\r\n\r\n")
    assert len(mail.headers) == 1, mail.headers
    return mail.shown(mail.names[0])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_was_written(text: str) -> None:
    assert shown(text_header("Subject", text)) == text


@given(name=names, text=texts)
@example(name="X" * 70, text="я" * 50)
@example(name="Subject", text="=?utf-8?q?=41?=")
def test_any_text_is_shown_as_it_was_written(name: str, text: str) -> None:
    assert shown(text_header(name, text)) == text


@given(name=names, text=texts)
def test_any_value_for_programs_is_read_as_it_was_written(name: str, text: str) -> None:
    assert shown(program_header(name, text)) == text.strip(" ")


@given(text=texts.filter(bool))
@example(text='Eve" <eve@example.net>, "')
@example(text="a.b")
def test_any_display_name_is_shown_as_it_was_written(text: str) -> None:
    line = address_header("From", ["gateway@example.com"], text)
    mail = read_mail(line.encode() + b"\r\n\r\n")

    assert mail.names == ["from"]
    assert decode_mailbox(mail.headers[0][1]) == (text, "gateway@example.com")


@given(text=texts)
@example(text="a\n.\n..\nFrom b\n")
@example(text=f"{'x' * 77} \n \t\n=\n")
@example(text="é" * 200)
@example(text=f"é{'x' * 1000}\n{'0' * 74} \n{'0' * 74}\t\n")
def test_any_text_of_a_body_arrives_whole(text: str) -> None:
    mail = read_mail(b"MIME-Version: 1.0\r\n" + body.write_body(text, None, "=_b"))
    # of CR, LF and CRLF none can be told from the others on the wire
    lines = text.replace("\r\n", "\n").replace("\r", "\n")

    assert mail.names == ["mime-version", "content-type", "content-transfer-encoding"]
    assert mail.body.isascii()
    assert decode_body(mail) == (lines if lines.endswith("\n") else f"{lines}\n")


def test_plain_words_stay_readable_in_the_raw_mail() -> None:
    assert text_header("Subject", "Order 7 shipped") == "Subject: Order 7 shipped"
    assert address_header("From", ["a@b.c"], "Shop") == "From: Shop <a@b.c>"
    assert address_header("From", ["a@b.c"], 'A "B", Inc.') == r'From: "A \"B\", Inc." <a@b.c>'
    assert text_header("Subject", "Café au lait") == "Subject: =?utf-8?q?Caf=C3=A9_au_lait?="


def test_name_of_a_header_that_would_end_it_is_refused() -> None:
    for name in ("", "X:", "X Y", "X\r\nY", "Ы"):
        with pytest.raises(ValueError, match="name of a header"):
            text_header(name, "text")


def pythons() -> list[str]:
    """Every Python from 3.11 on that runs here: on the path, and installed beside this one."""
    beside = Path(sys.base_prefix).parent.glob("3.*/bin/python3")
    on_path = (shutil.which(f"python3.{minor}") for minor in range(11, 20))
    found: dict[str, str] = {}
    for path in map(str, [sys.executable, *filter(None, on_path), *beside]):
        ask = [path, "-c", "import sys; print(sys.version_info >= (3, 11), sys.version)"]
        answer = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        if answer.startswith("True"):
            found.setdefault(answer, path)
    return list(found.values())


WRITE_ALL = """
import json, runpy, sys
headers, body = map(runpy.run_path, sys.argv[1:])
lines = [
    [
        headers["text_header"]("Subject", text),
        headers["program_header"]("List-Id", text),
        headers["address_header"]("From", ["a@b.c"], text),
        body["write_body"](text, text, "=_b").decode(),
    ]
    for text in json.load(sys.stdin)
]
print(json.dumps(lines))
"""


@pytest.mark.parametrize("python", pythons())
def test_every_python_writes_the_same(python: str) -> None:
    files = [str(module.__file__) for module in (headers, body)]
    ask = [python, "-I", "-c", WRITE_ALL, *files]
    run = subprocess.run(ask, input=json.dumps(HOSTILE), capture_output=True, text=True, check=True)

    assert json.loads(run.stdout) == [
        [
            text_header("Subject", text),
            program_header("List-Id", text),
            address_header("From", ["a@b.c"], text),
            body.write_body(text, text, "=_b").decode(),
        ]
        for text in HOSTILE
    ]
