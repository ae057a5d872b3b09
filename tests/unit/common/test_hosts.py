"""What can be the address of an HTTP API, for every setting and option that names one."""

from collections.abc import Callable

import pytest

from admin.api_client import check_api_url
from admin.here import check_management
from common.errors import ArgumentError, SettingsError
from common.hosts import http_base
from common.settings import load_settings
from senders.endpoint import parse_api_url

NO_BASES = [
    "",
    "host",
    "ftp://host",
    "http://",
    "http://:80",
    "http://h:port",
    "http://h:99999",
    "http://[::1",
    "http://a b",
    "http://host/?key=1",
    "http://host/#part",
    f"http://{'a' * 64}.example.com",
]
TAKERS: dict[str, Callable[[str], object]] = {
    "--api": check_api_url,
    "--management-url": check_management,
    "GATEWAY_VK_API_URL": lambda url: parse_api_url("GATEWAY_VK_API_URL", url),
    "GATEWAY_OTLP_ENDPOINT": lambda url: load_settings({"GATEWAY_OTLP_ENDPOINT": url}),
    "GATEWAY_MANAGEMENT_URL": lambda url: load_settings({"GATEWAY_MANAGEMENT_URL": url}),
}


@pytest.mark.parametrize(
    "text", ["http://h", "https://h:8443/base/", "http://[::1]:80", "HTTP://h"]
)
def test_address_to_which_paths_can_be_added_is_a_base(text: str) -> None:
    assert http_base(text) is not None


@pytest.mark.parametrize("text", NO_BASES)
def test_anything_else_is_none(text: str) -> None:
    assert http_base(text) is None


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("text", NO_BASES[1:])
def test_whoever_takes_an_address_refuses_what_is_none(name: str, text: str) -> None:
    with pytest.raises((ValueError, ArgumentError, SettingsError)):
        TAKERS[name](text)
