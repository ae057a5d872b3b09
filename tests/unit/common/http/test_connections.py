"""How many connections there may be, and who counts as one client."""

import resource

import pytest

from common.http.connections import SPARE_DESCRIPTORS, Door, Limits, client_of, limits_for
from common.settings import Settings


class Connection:
    """One that is counted; remembers when it was looked at."""

    def check(self, now: float) -> None:
        pass


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::1", "10.0.0.1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_client_is_an_address_or_an_ipv6_network(one: str, other: str, is_same: bool) -> None:
    assert (client_of(one) == client_of(other)) is is_same


def test_limits_are_those_of_the_settings_where_descriptors_suffice() -> None:
    limits = limits_for(Settings(), resource.RLIM_INFINITY)
    assert (limits.connections, limits.per_client) == (10_000, 2000)


def test_descriptors_bound_the_connections_and_leave_some_to_others_and_other_clients() -> None:
    limits = limits_for(Settings(), 1024)
    assert limits.connections == 1024 - SPARE_DESCRIPTORS
    assert limits.per_client < limits.connections


def test_even_too_few_descriptors_leave_one_connection() -> None:
    limits = limits_for(Settings(), 10)
    assert (limits.connections, limits.per_client) == (1, 1)


async def test_place_is_free_again_when_its_connection_is_gone() -> None:
    door = Door(Limits(connections=3, per_client=2, header_timeout_s=1, idle_timeout_s=1))
    one, two, three = Connection(), Connection(), Connection()

    assert [door.enter(each, "10.0.0.1") for each in (one, two, three)] == [True, True, False]
    door.leave(three)
    door.leave(one)
    assert door.enter(three, "10.0.0.1")
    assert door.enter(one, "10.0.0.2")
    assert not door.enter(Connection(), "10.0.0.3")
