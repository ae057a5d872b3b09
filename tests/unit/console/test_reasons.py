"""Reasons in plain words: which is which, in both languages, with the remedies of the docs."""

import re
from pathlib import Path

import pytest

from broker_topology.dead_letters.letter import FailedAs
from console.dead_letters.reasons import REASONS, reason_of

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize(
    ("channel", "failed_as", "code", "key"),
    [
        ("email", "rejected", "550 5.1.1", "no_mailbox"),
        ("email", "rejected", "553 5.1.2", "no_domain"),
        ("email", "rejected", "550 5.2.1", "mailbox_disabled"),
        ("email", "rejected", "552 5.3.4", "mail_too_large"),
        ("email", "rejected", "552", "mail_too_large"),
        ("email", "rejected", "550 5.7.1", "mail_content"),
        ("email", "rejected", "550", "mail_refused"),
        ("telegram", "rejected", "403", "chat_closed"),
        ("telegram", "rejected", "400", "chat_refused"),
        ("vk", "rejected", "901", "vk_forbidden"),
        ("vk", "rejected", "914", "vk_content"),
        ("vk", "rejected", "18", "vk_refused"),
        ("webhook", "rejected", "gone", "endpoint_gone"),
        ("webhook", "exhausted", "no-secret", "endpoint_forbidden"),
        ("webhook", "rejected", "404", "endpoint_refuses"),
        ("email", "exhausted", "451 4.3.0", "exhausted"),
        ("telegram", "exhausted", "no-answer", "unanswered"),
        ("vk", "poison", "undecodable", "undecodable"),
        ("vk", "poison", "KeyError", "poison"),
        (None, "unrouted", "due", "unrouted"),
        ("email", "broker", "delivery_limit", "broker"),
        (None, "what a newer sender writes", "no\nline", "unknown"),
    ],
)
def test_letters_are_called_by_what_they_failed_of(
    channel: str | None, failed_as: str, code: str, key: str
) -> None:
    assert reason_of(channel, failed_as, code).key == key


def test_every_class_has_a_reason_of_its_own() -> None:
    for one in FailedAs:
        assert (reason_of(None, one, "").key == "unknown") == (one is FailedAs.UNKNOWN)


def test_each_reason_is_named_once_and_in_both_languages() -> None:
    assert len({one.key for one in REASONS}) == len(REASONS)
    for words in [words for one in REASONS for words in (one.says, one.remedy)]:
        assert re.search("[a-z]", words.en)
        assert re.search("[а-я]", words.ru)
        assert not re.search("[а-я]", words.en)


def test_documentation_lists_exactly_these_reasons_with_their_remedies() -> None:
    table = OPERATIONS.read_text(encoding="utf-8").partition("| reason in plain words |")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table.partition("\n\n")[0], re.MULTILINE)
    assert rows == [(one.says.en, one.remedy.en) for one in REASONS]
