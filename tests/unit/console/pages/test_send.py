"""The form of the page Send: what becomes of what is filled in, and the commands that say it."""

import shlex
from typing import Any

import pytest

from common.channels import Channel
from common.http.problems import FieldFault
from console.pages.send.commands import command_of, curl_of
from console.pages.send.fields import FIELDS, fields_of
from console.pages.send.filled import Filled, place, read_form
from console.texts.catalogue import CATALOGUE
from gateway_api.notifications.request import NotificationRequest


def read(channel: Channel, **values: str) -> Filled:
    return read_form(channel, values, frozenset(), may_be_plain=False)


def test_form_has_every_part_of_a_request() -> None:
    first = {one.path[0] for one in FIELDS}
    assert set(NotificationRequest.model_fields) - first == {"strategy"}  # there is one only
    for channel in Channel:
        options = NotificationRequest.model_fields[channel.value].annotation
        [model, _] = options.__args__  # type: ignore[union-attr]
        mine = {one.path[1] for one in FIELDS if one.path[0] == channel and len(one.path) > 1}
        assert mine == set(model.model_fields)


def test_every_field_and_choice_has_its_words() -> None:
    choices = {f"send.choice.{one}" for field in FIELDS for one in field.choices}
    assert {f"send.{one.name}" for one in FIELDS} | choices <= CATALOGUE.keys()


@pytest.mark.parametrize(
    ("channel", "values", "request_"),
    [
        (
            Channel.EMAIL,
            {
                "to": "ada@example.com\n\n email:bob@example.com ",
                "subject": "Hi",
                "text": "a\r\nb",
                "email_headers": "List-Id: <news.example.com>",
                "tags": "orders, shop",
                "expires_in_s": "2h",
                "metadata": '{"order": 42}',
            },
            {
                "to": ["email:ada@example.com", "email:bob@example.com"],
                "subject": "Hi",
                "text": "a\nb",
                "email": {"headers": {"List-Id": "<news.example.com>"}},
                "tags": ["orders", "shop"],
                "expires_in_s": 7200,
                "metadata": {"order": 42},
            },
        ),
        (
            Channel.TELEGRAM,
            {
                "to": "42",
                "text": "Hi",
                "telegram_parse_mode": "HTML",
                "telegram_disable_notification": "on",
                "telegram_link_preview_is_disabled": "on",
                "telegram_buttons": "Open it https://a.example ; No https://b.example\nC tg://c",
                "priority": "high",
            },
            {
                "to": ["telegram:42"],
                "text": "Hi",
                "telegram": {
                    "parse_mode": "HTML",
                    "disable_notification": True,
                    "link_preview": {"is_disabled": True},
                    "buttons": [
                        [
                            {"text": "Open it", "url": "https://a.example"},
                            {"text": "No", "url": "https://b.example"},
                        ],
                        [{"text": "C", "url": "tg://c"}],
                    ],
                },
                "priority": "high",
            },
        ),
        (
            Channel.WEBHOOK,
            {"to": "https://shop.example.com/hooks", "webhook_data": '{"a": [1]}'},
            {"to": ["webhook:https://shop.example.com/hooks"], "webhook": {"data": {"a": [1]}}},
        ),
    ],
)
def test_filled_form_is_a_request_of_the_api(
    channel: Channel, values: dict[str, str], request_: dict[str, Any]
) -> None:
    filled = read(channel, **values)
    assert filled.faults == {}
    assert filled.request == request_


@pytest.mark.parametrize(
    ("channel", "values", "fields"),
    [
        (Channel.EMAIL, {}, {"to"}),
        (Channel.EMAIL, {"to": "a@e.org"}, {"subject", "text"}),
        (Channel.EMAIL, {"to": "ada", "subject": "a", "text": "b"}, {"to"}),
        (Channel.VK, {"to": "1", "text": "a", "vk_keyboard": "{"}, {"vk_keyboard"}),
        (Channel.VK, {"to": "1", "text": "a", "metadata": "[1]"}, {"metadata"}),
        (
            Channel.TELEGRAM,
            {"to": "1", "text": "a", "telegram_buttons": "Open"},
            {"telegram_buttons"},
        ),
        (
            Channel.TELEGRAM,
            {"to": "1", "text": "a", "telegram_buttons": "Open ftp://a"},
            {"telegram_buttons"},
        ),
        (
            Channel.EMAIL,
            {"to": "a@e.org", "subject": "a", "text": "b", "email_cc": "c@e.org\nx"},
            {"email_cc"},
        ),
        (
            Channel.EMAIL,
            {"to": "a@e.org", "subject": "a", "text": "b", "email_headers": "X"},
            {"email_headers"},
        ),
        (
            Channel.EMAIL,
            {"to": "a@e.org", "subject": "a", "text": "b", "expires_in_s": "soon"},
            {"expires_in_s"},
        ),
        (
            Channel.TELEGRAM,
            {"to": "1", "text": "a", "telegram_message_thread_id": "-1"},
            {"telegram_message_thread_id"},
        ),
        (
            Channel.EMAIL,
            {"to": "a@e.org", "subject": "a", "text": "b", "callback_events": "x"},
            {"callback_events"},
        ),
    ],
)
def test_each_fault_stands_at_its_field(
    channel: Channel, values: dict[str, str], fields: set[str]
) -> None:
    assert read(channel, **values).faults.keys() == fields


def test_fault_of_one_of_several_names_its_line() -> None:
    filled = read(Channel.EMAIL, to="a@e.org\nnobody", subject="a", text="b")
    [said] = filled.faults["to"]
    assert said.startswith("2: ")


def test_fault_of_no_field_is_of_the_whole() -> None:
    filled = Filled({})
    place(filled, Channel.EMAIL, [FieldFault("/strategy", "what")])
    assert filled.faults == {"": ["what"]}


def test_recipients_are_counted_with_their_copies() -> None:
    filled = read(Channel.EMAIL, to="a@e.org", subject="a", text="b", email_cc="b@e.org\nc@e.org")
    assert filled.recipients == 3


def test_commands_say_the_same_and_no_shell_runs_a_word_of_it() -> None:
    hostile = "$(touch x) `id` 'a' \"b\"\n-"
    filled = read(
        Channel.TELEGRAM,
        to="42",
        text=hostile,
        tags="a,b",
        telegram_buttons="Open https://a.example",
        telegram_protect_content="on",
    )
    words = shlex.split(command_of(filled.request))
    assert words[:3] == ["gateway", "send", "telegram:42"]
    assert f"--text={hostile}" in words
    assert {"--tags=a", "--tags=b", "--protect-content"} <= set(words)
    assert '--buttons=[[{"text": "Open", "url": "https://a.example"}]]' in words
    called = shlex.split(curl_of(filled.request, "http://127.0.0.1:8080"))
    assert called[1] == "http://127.0.0.1:8080/v1/notifications"
    assert NotificationRequest.model_validate_json(called[-1]).text == hostile


def test_every_form_has_its_recipients_first() -> None:
    for channel in Channel:
        assert next(fields_of(channel)).name == "to"
