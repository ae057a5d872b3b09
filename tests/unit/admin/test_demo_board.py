"""What the demo shows of its own notifications and of what else is sent."""

import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from admin.demo.board import MOST_NEWS, DemoBoard, Example
from admin.live.deliveries import Known
from admin.live.delivery_view import line, rows
from common.channels import Channel
from common.envelope import EventType
from common.times import utc_now
from tests.support.happenings import BEGAN, HOSTILE, accepted, event, told
from tests.support.queues import make_delivery

GOOD = Example("good", "telegram:42", "sent")
BAD = Example("bad", "telegram:43", "failed")
FIRST, SECOND = make_delivery(accepted_at=BEGAN), make_delivery(accepted_at=BEGAN, address="43")
SENT, FAILED = told(event(FIRST, EventType.SENT)), told(event(SECOND, EventType.FAILED))


def shown(picture: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(picture)
    return capture.get()


def a_failure(**changes: Any) -> Known:
    known = Known(
        SECOND.id, BEGAN, "telegram:43", last=told(event(SECOND, EventType.FAILED, **changes))
    )
    assert known.last
    return known


@pytest.mark.parametrize("order", list(itertools.permutations(["good", "bad", "sent", "failed"])))
def test_cases_end_as_expected_whichever_is_heard_first(order: tuple[str, ...]) -> None:
    board = DemoBoard((GOOD, BAD))
    steps = {
        "good": lambda: board.accepted(GOOD, FIRST.id),
        "bad": lambda: board.accepted(BAD, SECOND.id),
        "sent": lambda: board.note(SENT),
        "failed": lambda: board.note(FAILED),
    }
    for step in order:
        assert not board.is_done
        steps[step]()
        steps[step]()
    assert board.is_done
    assert board.is_as_expected
    assert board.failures() == [FAILED]


def test_case_that_ends_otherwise_is_not_as_expected() -> None:
    board = DemoBoard((BAD,))
    board.accepted(BAD, FIRST.id)
    board.note(SENT)
    assert board.is_done
    assert not board.is_as_expected


def test_news_is_of_what_others_send_and_of_cases_put_back() -> None:
    board, other = DemoBoard((BAD,)), make_delivery()
    for fact in (FAILED, told(accepted(other)), told(event(other, EventType.SENT))):
        board.note(fact)
    board.accepted(BAD, SECOND.id)
    board.note(told(event(SECOND, EventType.REQUEUED, 0, generation=1)))
    assert [(known.id, known.generation) for known in board.news()] == [
        (other.id, 0),
        (other.id, 0),
        (SECOND.id, 1),
    ]
    assert [known.id for known in board.under_way()] == [SECOND.id]
    assert list(board.news()) == []


def test_flood_is_bounded_and_what_is_left_out_is_counted() -> None:
    board = DemoBoard(())
    for _ in range(MOST_NEWS + 100):
        board.note(told(accepted(make_delivery())))
    assert len(list(board.news())) == MOST_NEWS
    assert (board.left_out(), board.left_out()) == (100, 0)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_nothing_is_wider_than_the_terminal_and_nothing_needed_is_cut(width: int) -> None:
    board = DemoBoard((GOOD, BAD))
    board.accepted(GOOD, FIRST.id)
    board.accepted(BAD, SECOND.id)
    for fact in (told(accepted(FIRST)), told(accepted(SECOND)), SENT, FAILED):
        board.note(fact)
    mail = make_delivery(channel=Channel.EMAIL, address="twice+somebody.with.a.name@example.com")
    to = f"email:{mail.address}"
    retrying = event(mail, EventType.RETRYING, next_at=utc_now() + timedelta(seconds=9.5))
    pictures = [
        board.table(width),
        rows(a_failure(), utc_now(), width),
        rows(Known(mail.id, BEGAN, to, last=told(retrying)), utc_now(), width),
    ]
    texts = [shown(picture, width) for picture in pictures]
    assert all(len(one) <= width for text in texts for one in text.splitlines())
    table, failure, waiting = ("".join(text.split()) for text in texts)
    for words in ("telegram:42", "sent", "telegram:43", "failed"):
        assert words in table
    assert f"550nosuchuser./gatewaydeadshow{SECOND.id}" in failure
    assert "retrying" in waiting
    assert "againin9s" in waiting or "againin10s" in waiting
    for piece in ("twice+somebody", "@example.com"):
        assert piece in waiting or width < 80  # folded there


def test_dead_letter_has_a_command_that_can_be_copied_at_60_columns() -> None:
    assert f"  ./gateway dead show {SECOND.id}" in shown(rows(a_failure(), BEGAN, 60), 60).split(
        "\n"
    )


@pytest.mark.parametrize("width", [40, 60, 200])
def test_hostile_words_are_shown_and_not_obeyed(width: int) -> None:
    failure = a_failure(message=HOSTILE)
    known = Known(failure.id, BEGAN, f"telegram:{HOSTILE}", last=failure.last)
    painted, piped = shown(rows(known, BEGAN, width), width), line(known, BEGAN)
    assert "[red]" in painted.replace("\n", "")
    assert "[red]" in piped
    assert painted.count("\n") < 20
    for text in (*painted.splitlines(), piped):
        assert text.isprintable()


def test_line_for_a_pipe_says_all() -> None:
    text = line(a_failure(), utc_now())
    assert text == (
        f"telegram:43  failed  1 try  1.0 s  550 no such user; ./gateway dead show {SECOND.id}"
    )


def test_bug_of_ours_is_one_sentence_without_a_path() -> None:
    said = (
        'Traceback (most recent call last):\n  File "/srv/gateway/senders/a.py", line 1\nValueError'
    )
    text = line(a_failure(outcome="crashed", code="ValueError", message=said), utc_now())
    assert "a bug of the gateway (ValueError)" in text
    assert "Traceback" not in text
    assert "/srv" not in text


def test_times_beyond_all_sense_are_told_in_short() -> None:
    began, never = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    retrying = event(FIRST, EventType.RETRYING, next_at=never)
    text = line(Known(FIRST.id, began, "telegram:42", last=told(retrying)), utc_now())
    assert "  1 try  999d+  " in text
    assert text.endswith("; again in 999d+")


def test_flood_leaves_address_and_time_of_what_is_under_way() -> None:
    board, flood = DemoBoard(()), [make_delivery(accepted_at=BEGAN) for _ in range(5000)]
    for one in flood:
        board.note(told(accepted(one)))
    list(board.news())
    for number, one in enumerate(flood):
        board.note(told(event(one, EventType.SENT)))
        [known] = board.news()
        assert line(known, utc_now()) == "telegram:42  sent  1 try  1.0 s", number


def test_what_was_not_heard_to_begin_has_no_time() -> None:
    assert line(Known(FIRST.id, last=SENT), utc_now()) == f"{FIRST.id}  sent  1 try  –"


def test_sent_after_refusals_says_why_it_was_refused_before() -> None:
    refusal = told(event(FIRST, EventType.RETRYING, 1))
    sent = told(event(FIRST, EventType.SENT, 2))
    known = Known(FIRST.id, BEGAN, "telegram:42", last=sent, refusal=refusal)
    assert line(known, utc_now()).endswith("sent  2 tries  2.0 s  refused before: 550 no such user")
