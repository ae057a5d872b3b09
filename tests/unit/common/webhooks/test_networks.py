"""Which addresses of the network a webhook may go to."""

import ipaddress

import pytest

from common.webhooks.networks import parse_networks, read_address, refusal

REFUSED = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 "
    "127.0.0.1 127.255.255.255 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 "
    "172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 "
    "198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 "
    "255.255.255.255 :: ::1 fe80::1 febf::1 fc00::1 fd00:ec2::254 fdff::1 fec0::1 ff02::1 "
    "ff0e::1 100::1 5f00::1 2001:db8::1 3fff::1 4000::1 e000::1 ::ffff:127.0.0.1 "
    "::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::ffff:0.0.0.0 ::127.0.0.1 ::93.184.216.34 "
    "::ffff:0:93.184.216.34 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::93.184.216.34 "
    "2002:7f00:1:: 2002:a00:1::1 2002:5db8:d822::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 "
    "2001:0::1 2001:10::1 2001:20::1 2001:2::1 "
)
ALLOWED = (
    "1.1.1.1 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.1 "
    "126.255.255.255 128.0.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 "
    "198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:93.184.216.34 64:ff9b::93.184.216.34 "
    "2606:2800:220:1::1 2a00:1450::1 2001:4860:4860::8888 "
)


@pytest.mark.parametrize("text", REFUSED.split())
def test_address_of_no_public_network_is_refused(text: str) -> None:
    assert refusal(read_address(text), ())


@pytest.mark.parametrize("text", ALLOWED.split())
def test_public_address_is_not_refused(text: str) -> None:
    assert refusal(read_address(text), ()) is None


@pytest.mark.parametrize("text", ["::ffff:10.20.0.1", "64:ff9b::10.20.0.1", "10.20.0.1"])
def test_address_that_holds_another_one_is_that_one(text: str) -> None:
    assert read_address(text) == ipaddress.ip_address("10.20.0.1")


def test_allowed_network_is_open_and_its_neighbour_is_not() -> None:
    allowed = parse_networks("10.20.0.0/16, ::1/128,127.0.0.0/8")
    for text in ("10.20.0.1", "::ffff:10.20.255.255", "::1", "127.0.0.1"):
        assert refusal(read_address(text), allowed) is None
    for text in ("10.21.0.1", "::2", "192.168.0.1", "169.254.169.254"):
        assert refusal(read_address(text), allowed)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8", "10/8", "example.com", "10.0.0.0/8,", "::1/129"]
)
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a network such as 10\.20\.0\.0/16"):
        parse_networks(text)
