"""Several nodes in one setting: how the list is read, checked, shown, and tried."""

import pytest

from broker_topology.connect import TopologyError, mask_url, vhost_of
from common.broker.urls import Addresses, split_urls, urls_fault, with_query
from common.errors import SettingsError
from common.settings import load_settings

A = "amqp://ada:pw@a:5672/gw"
B = "amqp://ada:pw@b:5673/gw"
C = "amqp://ada:pw@c/gw"


@pytest.mark.parametrize("text", [f"{A},{B}", f" {A} ,\n  {B}\n"])
def test_urls_are_separated_by_commas_and_white_space_is_nothing(text: str) -> None:
    assert split_urls(text) == (A, B)
    assert urls_fault(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("amqp://ada:p,w@a/gw", "whole URL, separated by commas; write a comma inside"),
        ("amqp://ada:pw@a:5672,b:5672/gw", "write it as amqp://user"),
        ("amqp://ada:pw@a/gw,b/gw", "whole URL"),
        (f"{A},", "whole URL"),
        (f"{A},http://b/", "whole URL"),
        (f"{A},amqp://bob:pw@b/gw", "different users or passwords"),
        (f"{A},amqp://ada:other@b/gw", "different users or passwords"),
        (f"{A},amqp://b/gw", "different users or passwords"),
        (f"{A},amqp://ada:pw@b/shop", "different vhosts"),
        (f"{A},amqps://ada:pw@b/gw", "different schemes"),
        ("http://a", "must begin with amqp://"),
        ("amqp://a:port/", "not a complete AMQP URL"),
        ("amqp://[::1/", "not a complete AMQP URL"),
        ("", "must begin with amqp://"),
    ],
)
def test_nodes_that_are_no_one_broker_are_refused_without_their_password(
    text: str, words: str
) -> None:
    fault = urls_fault(text)
    assert fault is not None
    assert words in fault
    assert "pw" not in fault
    if text:
        with pytest.raises(SettingsError) as raised:
            load_settings({"GATEWAY_AMQP_URL": text})
        assert str(raised.value) == f"GATEWAY_AMQP_URL {fault}"


@pytest.mark.parametrize(
    "text",
    [
        "amqp://a",
        "amqp://guest:guest@a/,amqp://b/%2F,amqp://c",
        "amqp://a%64a:p%2Cw@a/g%77,amqp://ada:p%2cw@b/gw",
        "amqps://ada:pw@[::1]/gw?heartbeat=5,amqps://ada:pw@b/gw",
    ],
)
def test_nodes_of_one_broker_may_be_written_in_different_ways(text: str) -> None:
    assert urls_fault(text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{A},{B}", "amqp://ada:***@a:5672/gw,amqp://ada:***@b:5673/gw"),
        (f"{A}?x=1,{B}?x=2", "amqp://ada:***@a:5672/gw,amqp://ada:***@b:5673/gw"),
        ("amqp://ada:se,cr,et@a/gw", "amqp://ada:***@a/gw"),
        (
            "amqp://ada:se,cr@et@a/gw,amqp://ada:se,cr@et@b/gw",
            "amqp://ada:***@a/gw,amqp://ada:***@b/gw",
        ),
    ],
)
def test_no_password_of_a_list_is_shown(text: str, shown: str) -> None:
    assert mask_url(text) == shown


def test_vhost_of_a_list_is_that_of_all() -> None:
    assert vhost_of(f"{A},{B}") == "gw"
    with pytest.raises(TopologyError, match="different vhosts") as raised:
        vhost_of(f"{A},amqp://ada:pw@b/shop")
    assert "pw" not in str(raised.value)


def test_certificate_files_go_into_every_url_that_names_none() -> None:
    settings = load_settings(
        {
            "GATEWAY_AMQP_URL": "amqps://a/?cafile=own.pem,amqps://b/",
            "GATEWAY_AMQP_CA_FILE": "/all, of us.pem",
        }
    )
    shared = "cafile=/all%2C%20of%20us.pem"
    assert settings.broker_url == f"amqps://a/?cafile=own.pem,amqps://b/?{shared}"
    assert urls_fault(settings.broker_url) is None


def test_parameters_are_added_to_a_query_or_begin_one() -> None:
    assert with_query("amqp://a", {"x": "1"}) == "amqp://a?x=1"
    assert with_query("amqp://a?x=1", {"y": "2", "z": "3"}) == "amqp://a?x=1&y=2&z=3"


def test_last_good_one_is_tried_first_and_those_that_failed_last() -> None:
    addresses = Addresses(f"{A},{B},{C}", shuffle=lambda urls: urls.reverse())
    assert addresses.order() == [C, B, A]

    addresses.worked(B)
    assert addresses.order() == [B, C, A]

    addresses.failed(B)
    assert addresses.order() == [C, A, B]

    addresses.failed(C)
    assert addresses.order() == [A, C, B]

    addresses.worked(C)
    assert addresses.order() == [C, A, B]


def test_order_is_random_at_first() -> None:
    firsts = {Addresses(f"{A},{B},{C}").order()[0] for _ in range(200)}
    assert firsts == {A, B, C}
