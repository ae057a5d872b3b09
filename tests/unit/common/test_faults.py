"""What clients and operators do wrong is told in our words, never in a library's."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from common.channels import CHANNELS
from common.errors import SettingsError
from common.faults import UNNAMED
from common.given import PREFIX
from common.http.problems import Problem
from common.http.validation import read_body, read_query
from common.settings import Settings, load_settings
from console.dead_letters.request import (
    ArchiveRequest,
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from console.jobs.request import JobQuery
from gateway_api.notifications.request import NotificationRequest
from gateway_api.notifications.validation import validate_notification

WRONG: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, 10**4000, float("inf")),
    *("", "x", "nan", "\x00", "x" * 3000, [], [7], [["x"]], ["x"] * 1200, [[{}] * 200] * 200),
    *({}, {"x": 7}, {str(number): "x" for number in range(100)}),
)
FOREIGN = re.compile(
    r"Value error|[Ii]nput|should|valid (?!Telegram)|pydantic|unable to|instance of"
)

Read = Callable[[Any], object]


def places(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Where a document of this model may have a value; options of options included."""
    schema = model.model_json_schema()

    def inside(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        name = node.get("$ref", "").removeprefix("#/$defs/")
        for part in (*node.get("anyOf", ()), *([schema["$defs"][name]] if name else ())):
            yield from inside(part, path)
        for own, field in node.get("properties", {}).items():
            yield from inside(field, (*path, own))

    yield from dict.fromkeys(inside(schema, ()))


def placed(path: tuple[str, ...], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def reads_body(model: type[BaseModel]) -> Read:
    return lambda document: read_body(model, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("model", "read"),
    [
        (NotificationRequest, lambda one: validate_notification(json.dumps(one).encode())),
        (RequeueRequest, reads_body(RequeueRequest)),
        (ArchiveRequest, reads_body(ArchiveRequest)),
        (DiscardRequest, reads_body(DiscardRequest)),
    ],
)
def test_no_sentence_about_a_body_is_a_librarys(model: type[BaseModel], read: Read) -> None:
    told = 0
    for path in places(model):
        for value in WRONG:
            try:
                read(placed(path, value))
            except Problem as problem:
                told += 1
                for sentence in (problem.detail, *(fault.message for fault in problem.faults)):
                    assert_ours(sentence)
    assert told > len(WRONG)


@pytest.mark.parametrize("model", [LetterQuery, ShowQuery, JobQuery])
def test_no_sentence_about_a_query_is_a_librarys(model: type[BaseModel]) -> None:
    for name in (*model.model_json_schema()["properties"], "chanel"):
        with pytest.raises(Problem) as caught:
            read_query(model, QueryParams({name: "\x00?", "nonsense": "1"}))
        for fault in caught.value.faults:
            assert_ours(fault.message)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"limit": "many"}, "must be a whole number"),
        ({"limit": "0"}, "must be at least 1"),
        ({"limit": "1001"}, "must be at most 1000"),
        ({"group": "perhaps"}, "must be true or false"),
        ({"channel": "fax"}, f"must be {', '.join(map(repr, CHANNELS))} or 'unrouted'"),
        ({"clas": "poison"}, "is not a known field; did you mean class?"),
        ([("limit", "1"), ("limit", "2"), ("limit", "3")], "is given more than once"),
    ],
)
def test_wrong_parameter_is_told_what_it_must_be(
    query: dict[str, str] | list[tuple[str, str]], sentence: str
) -> None:
    with pytest.raises(Problem) as caught:
        read_query(LetterQuery, QueryParams(query))

    assert [fault.message for fault in caught.value.faults] == [sentence]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_sentence_about_a_setting_is_a_librarys(name: str) -> None:
    variable = f"{PREFIX}{name.upper()}"
    for text in (
        "?",
        "-1",
        "1e999",
        "nan",
        "9" * 5000,
        "x:y",
        "1,2",
        "high:99",
        "5s," * 99 + "5s",
        "smtp://[::1",
    ):
        sentence = refused_setting(variable, text)
        assert sentence is None or variable in sentence
        assert_ours(sentence or "accepted")


def refused_setting(variable: str, text: str) -> str | None:
    try:
        load_settings({variable: text})
    except SettingsError as error:
        return str(error)
    return None


def assert_ours(sentence: str) -> None:
    assert sentence
    assert UNNAMED not in sentence
    assert not FOREIGN.search(sentence), sentence
