"""Which addresses of the network a webhook may be sent to: tables are data.

Sources: IANA's registries of special-purpose IPv4 and IPv6 addresses, and the clouds' own pages for
their metadata services.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*rows: tuple[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(cidr), words) for cidr, words in rows)


FORBIDDEN: Final = _networks(
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a provider's own network"),
    ("127.0.0.0/8", "this machine"),
    ("168.63.129.16/32", "a cloud's own service"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "for measurements"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::1/128", "this machine"),
    ("::/96", "reserved"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "a tunnel to an IPv4 address"),
    ("3fff::/20", "for documentation"),
)
"""Network → what it is; the first that holds an address says why that is refused."""

_GLOBAL: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")  # RFC 6052: leads to the IPv4 address in its last bits


def read_address(text: str) -> Address:
    """An address as it is connected to: one that holds an IPv4 address is that one.

    Raises ValueError.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of the networks holds it."""
    return any(address in network for network in networks)


def refusal(address: Address, allowed: Sequence[Network]) -> str | None:
    """Why nothing may be sent there: what kind of address it is; None where it may.

    allowed: the networks that were opened by a setting.
    """
    if is_in(address, allowed):
        return None
    for network, words in FORBIDDEN:
        if address in network:
            return words
    if isinstance(address, IPv6Address) and address not in _GLOBAL:
        return "reserved"
    return None


def parse_networks(text: str) -> tuple[Network, ...]:
    """`10.20.0.0/16, fd00::/8` as networks. Raises ValueError."""
    return tuple(_parse_network(part.strip()) for part in text.split(","))


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a network such as 10.20.0.0/16 or fd12::/48, without bits of a host"
        ) from None
