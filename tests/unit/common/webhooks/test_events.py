"""Which events callbacks tell, by name, and which were chosen."""

import pytest

from common.envelope import EventType
from common.webhooks.events import NAMED, NAMES, WILDCARDS, check_choice, is_chosen


@pytest.mark.parametrize("word", [*NAMES, *WILDCARDS])
def test_names_and_wildcards_can_be_chosen(word: str) -> None:
    assert check_choice(word) == word


@pytest.mark.parametrize(
    "word", ["", "sent", "delivery", "delivery.delayed", "test", "*.sent", "**"]
)
def test_other_words_cannot(word: str) -> None:
    with pytest.raises(ValueError, match="is none of"):
        check_choice(word)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ([], {"delivery.sent", "delivery.failed", "delivery.expired", "notification.completed"}),
        (["*"], set(NAMES)),
        (["notification.*"], {"notification.completed"}),
        (["delivery.*"], set(NAMES) - {"notification.completed"}),
        (["delivery.retrying", "delivery.failed"], {"delivery.retrying", "delivery.failed"}),
    ],
)
def test_choice_says_which_are_told(choice: list[str], chosen: set[str]) -> None:
    assert {name for name in NAMES if is_chosen(name, choice)} == chosen


def test_every_fact_that_an_attempt_or_an_operator_makes_has_a_name() -> None:
    assert set(EventType) - set(NAMED) == {EventType.DELAYED, EventType.CANCELLING}
