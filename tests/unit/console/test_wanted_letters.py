"""Which dead letters a URL of the page means, and how a terminal says the same."""

import pytest

from common.http.problems import Problem
from console.dead_letters.groups import LetterGroup
from console.pages.dead_letters.reading import passed_of, trend_path
from console.pages.dead_letters.wanted import Wanted

GROUP = LetterGroup("email.dead", "email", "rejected", "550 5.1.1", 3)
UNCODED = LetterGroup("unrouted", None, "unrouted", "", 1)


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, "gateway dead requeue --all"),
        ({"range": "day", "after": "50"}, "gateway dead requeue --all"),
        (
            {"channel": "email", "code": "550 5*", "to": "$(id)"},
            "gateway dead requeue --channel email --code '550 5*' --to '$(id)'",
        ),
        ({"ids": '["b", "a b"]'}, "gateway dead requeue 'a b' b"),
        ({"class": "unknown", "uncoded": "1"}, "gateway dead requeue --class unknown --code ''"),
    ],
)
def test_url_and_command_mean_the_same_letters(query: dict[str, str], command: str) -> None:
    wanted = Wanted.of_query(query)
    assert wanted.command("requeue") == command
    assert Wanted.of_query(wanted.query()) == wanted


@pytest.mark.parametrize(
    "query",
    [
        {"channel": "pigeon"},
        {"class": "nothing"},
        {"since": "soon"},
        {"ids": "[]"},
        {"ids": "no list"},
        {"ids": '{"a": 1}'},
    ],
)
def test_what_makes_no_sense_means_nothing(query: dict[str, str]) -> None:
    with pytest.raises(Problem):
        Wanted.of_query(query)


@pytest.mark.parametrize(
    ("filters", "is_meant"),
    [
        ({}, True),
        ({"channel": "email", "class": "rejected", "code": "550*"}, True),
        ({"channel": "vk"}, False),
        ({"channel": "unrouted"}, False),
        ({"class": "poison"}, False),
        ({"code": "?50*"}, False),
    ],
)
def test_group_is_meant_as_its_letters_are(filters: dict[str, str], is_meant: bool) -> None:
    assert Wanted(filters=filters).means(GROUP) is is_meant


def test_letters_of_a_group_keep_the_other_filters() -> None:
    narrowed = Wanted(filters={"channel": "email", "code": "550*", "tag": "orders"}).narrowed(GROUP)
    assert narrowed.filters == {
        "tag": "orders",
        "channel": "email",
        "class": "rejected",
        "code": "550 5.1.1",
    }
    assert Wanted().narrowed(UNCODED).query() == {
        "channel": "unrouted",
        "class": "unrouted",
        "uncoded": "1",
    }


def test_order_leaves_alone_what_dies_after_the_look() -> None:
    order = Wanted().order()
    assert order.dead_by is not None
    assert order.told() == {"all": True}


def test_trend_is_drawn_from_edge_to_edge() -> None:
    assert trend_path([0, 4, 2], 100, 20) == "M0.0 20.0 L50.0 0.0 L100.0 10.0"
    assert trend_path([0, 0], 100, 20) == "M0.0 20.0 L100.0 20.0"


@pytest.mark.parametrize(("written", "passed"), [(None, 0), ("50", 50), ("-1", 0), ("²", 0)])
def test_page_begins_where_the_url_says(written: str | None, passed: int) -> None:
    assert passed_of(written) == passed
